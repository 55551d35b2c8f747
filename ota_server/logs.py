"""Logs on stderr, as lines or as JSON lines."""

import json
import logging
import time
from contextvars import ContextVar
from typing import Final

_LINES: Final = "%(levelname)s %(name)s: %(message)s"


# which request a line belongs to, in threads that work for it too; empty outside of requests
request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """One JSON object a line; the fields that a record brings stand beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        fields = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if request := request_id.get():
            fields["request"] = request
        brought = getattr(record, "fields", None)
        text = brought or {"message": record.getMessage()}
        if record.exc_info:
            text = {**text, "exception": self.formatException(record.exc_info)}
        return json.dumps({**fields, **text})


def configure(*, as_json: bool) -> None:
    """Send this process's logs to stderr; journald adds the time to lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(_LINES))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # What uvicorn says about itself is of no use to an operator.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
