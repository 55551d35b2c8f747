"""Simulated devices that drive a real update server: to size it, and to test it."""
