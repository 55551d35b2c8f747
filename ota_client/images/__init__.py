"""How an image gets into its place: raw bytes into a block device, or files into a file system."""
