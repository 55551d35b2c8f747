"""The update server: untrusted by design, it holds no release key."""
