"""U-Boot: its boot control, and the formats that it reads."""
