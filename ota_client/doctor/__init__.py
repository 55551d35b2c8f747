"""Examines a device's set-up before it ships: one file a subject. It reads, and changes nothing."""
