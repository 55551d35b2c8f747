"""Devices: who they are, what they say of themselves, which groups they are in."""
