"""EFI's boot manager: its boot control, and the formats that it reads."""
