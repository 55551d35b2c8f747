"""GRUB: its boot control, and the formats that it reads."""
