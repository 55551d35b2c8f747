"""The parts of ``fetch.py``: settings, addresses, TLS, guarded connections, answers."""
