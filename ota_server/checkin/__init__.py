"""The check-in: what every device does every few minutes, so its few statements are written by hand."""
