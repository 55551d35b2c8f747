"""The commands of ``ota-sign``, grouped as a reader looks for them. They load heavy parts when run."""
