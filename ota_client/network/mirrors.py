"""Several repositories, tried in turn: one that blocks or lies costs time, not updates (A19)."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from ota_client.errors import FetchError, OtaError, VerificationError

_log = logging.getLogger(__name__)
T = TypeVar("T")


def first_answer(urls: Iterable[str], attempt: Callable[[str], T]) -> T:
    """Make the attempt at each address until one succeeds.

    Raises:
        VerificationError: none succeeded, and one served what is not to be trusted; an alarm outranks
            a failure.
        FetchError: none could be reached.
    """
    failures: list[OtaError] = []
    for url in urls:
        try:
            return attempt(url)
        except (FetchError, VerificationError) as e:
            _log.warning("%s: %s", url, e)
            failures.append(e)
    alarms = [e for e in failures if isinstance(e, VerificationError)]
    raise (alarms or failures)[0]
