"""What a server says with a status that is no success: its reason and when to come again."""

import re
from http import HTTPStatus
from typing import Final

from ota_client.errors import FetchError, HttpStatusError, NotAuthorisedError, OtaError
from ota_client.formats.strict import parse_json
from ota_client.network.answer import Answer

_MOST_BYTES: Final = 4096
_SAID_LONGEST: Final = 200
_RETRY_AFTER_MOST_S: Final = 86_400
_NOT_AUTHORISED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def problem_error(answer: Answer) -> OtaError:
    """The error for an answer of the device API that is no success (RFC 9457).

    The server's own words go into the sentence, shortened and without control characters: nobody
    vouches for them (B01).
    """
    said = _said(answer)
    text = f"{answer.url}: expected success, got status {answer.status}{f': {said}' if said else ''}"
    if answer.status in _NOT_AUTHORISED:
        return NotAuthorisedError(
            f"{text}; if this device was enrolled here, it was revoked: ask the server's operator"
        )
    return HttpStatusError(text, answer.status, retry_after_s=_retry_after_s(answer))


def _said(answer: Answer) -> str:
    try:
        value = parse_json(
            answer.read_to_end(_MOST_BYTES), max_bytes=_MOST_BYTES, what="problem", error=FetchError
        )
    except FetchError:
        return ""
    fields = value if isinstance(value, dict) else {}
    text = next((fields[name] for name in ("detail", "title") if isinstance(fields.get(name), str)), "")
    return "".join(c if c.isprintable() else "?" for c in text[:_SAID_LONGEST])


def _retry_after_s(answer: Answer) -> int | None:
    """The seconds of Retry-After (RFC 9110, section 10.2.3); a date is not taken: clocks differ."""
    text = answer.header("Retry-After").strip()
    return min(int(text), _RETRY_AFTER_MOST_S) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
