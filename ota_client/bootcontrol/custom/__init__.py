"""A script of the device's own: its boot control, and the formats that it reads."""
