"""What was found out about certificates is remembered, by their hashes: a fleet comes again and again.

To verify a certificate costs twice as much as all the rest of a check-in. The certificates themselves
would take several times the memory of what is kept of them.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Final, TypeVar

# of twice as many something is kept at most: some 50 MB
_MOST: Final = 65_536

T = TypeVar("T")


def remembered(examine: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Examine each content once, as long as there are not too many others; what raises is not kept."""
    known: dict[bytes, T] = {}
    older: dict[bytes, T] = {}

    @wraps(examine)
    def answer(content: bytes) -> T:
        nonlocal known, older
        digest = hashlib.sha256(content).digest()
        if digest in known:
            return known[digest]
        found = older[digest] if digest in older else examine(content)
        if len(known) >= _MOST:
            known, older = {}, known
        known[digest] = found
        return found

    return answer
