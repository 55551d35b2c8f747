"""Range arithmetic and conditional requests (RFC 9110, sections 13 and 14), without HTTP around it."""

import re
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime

# 18 digits hold more than any file; a longer number is no range, and costs no big-integer arithmetic.
_SINGLE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from ``start`` up to, not including, ``stop``."""

    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        """How many bytes."""
        return self.stop - self.start


class UnsatisfiableRangeError(Exception):
    """The range begins after the end of the file: status 416."""


def parse_range(header: str, size_bytes: int) -> Span | None:
    """Read a Range header.

    Returns:
        the span, or None where the header is to be ignored and the whole file answered: it asks for
        several ranges (section 14.2 allows to ignore that; no device asks so), for another unit, or is
        malformed.

    Raises:
        UnsatisfiableRangeError: no byte of the file is in the range.
    """
    match = _SINGLE.fullmatch(header)
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        span = Span(max(0, size_bytes - int(match[2])), size_bytes)
    else:
        last = int(match[2]) if match[2] else size_bytes - 1
        if match[2] and last < int(match[1]):
            return None
        span = Span(int(match[1]), min(last + 1, size_bytes))
    if span.size_bytes <= 0:
        raise UnsatisfiableRangeError
    return span


@dataclass(frozen=True, slots=True)
class Validators:
    """What a client may compare its copy with.

    Attributes:
        etag: strong, quoted.
        modified_s: seconds since 1970.
    """

    etag: str
    modified_s: float

    @property
    def last_modified(self) -> str:
        """As the Last-Modified header has it."""
        return formatdate(int(self.modified_s), usegmt=True)

    def is_unchanged(self, if_none_match: str | None, if_modified_since: str | None) -> bool:
        """Whether the client's copy is still right: status 304 (sections 13.1.2 and 13.1.3)."""
        if if_none_match is not None:
            tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
            return self.etag in tags or "*" in tags
        since = _seconds(if_modified_since)
        return since is not None and int(self.modified_s) <= since

    def keeps_range(self, if_range: str | None) -> bool:
        """Whether a range may be answered: the client's part is of this very file (section 13.1.5)."""
        return if_range is None or if_range.strip() in {self.etag, self.last_modified}


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None
