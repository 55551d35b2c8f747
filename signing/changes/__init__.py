"""What a reviewer reads: differences in words."""
