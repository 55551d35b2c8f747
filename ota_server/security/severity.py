"""How bad a weakness is: from CVSS vectors and from the words that sources use."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from ota_client.manifest import Severity

VECTOR_LONGEST: Final = 512
_WORDS: Final = {
    **{severity.value: severity for severity in Severity},
    "negligible": Severity.LOW,
    "minor": Severity.LOW,
    "moderate": Severity.MEDIUM,
    "important": Severity.HIGH,
}
_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


def of_vector(vector: str) -> Severity | None:
    """By the base score of CVSS 2, 3.0, 3.1 or 4.0; None if it is no such vector."""
    with suppress(CVSSError, ValueError, KeyError, IndexError):
        if vector.startswith("CVSS:4"):
            return of_word(str(CVSS4(vector).severity))
        if vector.startswith("CVSS:3"):
            return of_word(str(CVSS3(vector).severities()[0]))
        return of_word(str(CVSS2(vector).severities()[0]))
    return None


def of_word(word: str) -> Severity | None:
    """By a word such as ``HIGH``, ``Important`` or ``moderate``; None if it is none of these."""
    return _WORDS.get(word.strip().lower())


def worst(found: Iterable[Severity | None]) -> Severity | None:
    """The highest one; None if none is known."""
    return max(filter(None, found), key=_RANKS.__getitem__, default=None)


def rank(severity: Severity | None) -> int:
    """Higher is worse; one that is not known is below all."""
    return -1 if severity is None else _RANKS[severity]
