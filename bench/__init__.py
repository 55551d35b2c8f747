"""``python -m bench``: what Ratchet costs, each figure beside its floor or peer of the same run."""
