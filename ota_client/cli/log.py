"""Logging for the commands: plain lines on a terminal, priorities for journald."""

import logging
import sys
from typing import Final

# sd-daemon(3): journald reads the priority from the line's start
_PRIORITIES: Final = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = _PRIORITIES.get(record.levelno, 6)
        # each line of a traceback needs its own
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def configure_logging(*, verbose: bool, journal: bool) -> None:
    """Send our log to standard error.

    Args:
        verbose: informational lines too; a journal always gets them.
        journal: standard error goes to journald.
    """
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(levelname)s %(message)s")
    handler.setFormatter(_JournalFormatter("%(message)s") if journal else plain)
    logger = logging.getLogger("ota_client")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO if verbose or journal else logging.ERROR)
