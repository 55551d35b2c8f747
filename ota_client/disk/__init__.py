"""What outlives a power cut: the port to the disk, and records in two copies."""
