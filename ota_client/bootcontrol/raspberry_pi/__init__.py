"""Raspberry Pi's tryboot: its boot control, and the formats that it reads."""
