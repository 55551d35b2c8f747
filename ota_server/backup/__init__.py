"""Backups of the fleet: one file for SQLite and PostgreSQL alike."""
