"""``ota-server``: parse, call, render; errors become exit codes."""

from ota_server.cli.main import main

__all__ = ["main"]
