"""Ratchet's device library: verify, install, swap, confirm. Devices move forward, never back."""
