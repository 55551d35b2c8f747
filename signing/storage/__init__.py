"""The repository on disk: metadata files, and folders that change at once."""
