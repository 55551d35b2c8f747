"""The order of packages' versions: each ecosystem has its own."""

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from univers import versions as univers

# by the type of a package URL; of the others the versions are compared piece by piece
_SCHEMES: Final[dict[str, type[univers.Version]]] = {
    "alpm": univers.ArchLinuxVersion,
    "apk": univers.AlpineLinuxVersion,
    "cargo": univers.SemverVersion,
    "composer": univers.ComposerVersion,
    "conan": univers.ConanVersion,
    "deb": univers.DebianVersion,
    "ebuild": univers.GentooVersion,
    "gem": univers.RubygemsVersion,
    "golang": univers.SemverVersion,
    "hex": univers.SemverVersion,
    "maven": univers.MavenVersion,
    "npm": univers.SemverVersion,
    "nuget": univers.NugetVersion,
    "pub": univers.SemverVersion,
    "pypi": univers.PypiVersion,
    "rpm": univers.RpmVersion,
    "swift": univers.SemverVersion,
}
_PIECES: Final = re.compile(r"\d+|[a-z]+", re.ASCII)
_EARLIER: Final = frozenset({"alpha", "beta", "rc", "pre", "dev", "snapshot", "preview"})
# the end of a version sorts behind what comes before a release, and ahead of what follows on it
_EARLY, _END, _LATER, _NUMBER = range(4)


@dataclass(frozen=True, slots=True)
class Interval:
    """Versions between two others; an empty bound is none.

    Attributes:
        lowest: this one included, unless ``above`` is set.
        highest: this one excluded, unless ``up_to`` is set.
        above: ``lowest`` itself is outside.
        up_to: ``highest`` itself is inside.
    """

    lowest: str = ""
    highest: str = ""
    above: bool = False
    up_to: bool = False


def is_inside(kind: str, version: str, interval: Interval, *, in_doubt: bool) -> bool:
    """Whether a version lies in the interval, by the order of a type of package; a doubt decides so."""
    low = compare(kind, version, interval.lowest) if interval.lowest else 1
    high = compare(kind, version, interval.highest) if interval.highest else -1
    if low is None or high is None:
        return in_doubt
    above = low > 0 or (low == 0 and not interval.above)
    return above and (high < 0 or (high == 0 and interval.up_to))


def is_same(kind: str, one: str, other: str) -> bool:
    """Whether two spellings are one version."""
    return one == other or compare(kind, one, other) == 0


# releases of one product have much the same components, and each is held against the same bounds
@lru_cache(maxsize=50_000)
def compare(kind: str, one: str, other: str) -> int | None:
    """Below 0 if ``one`` is the older version, above 0 if the newer; None if they have no order.

    Args:
        kind: the type of package URL that they belong to.
        one: a version.
        other: another one.
    """
    first, second = _ordered(kind, one), _ordered(kind, other)
    if first is None or second is None:
        return None
    with suppress(Exception):
        # foreign versions, compared by foreign code: whatever it raises, they have no order
        return int(first > second) - int(first < second)
    return None


def is_version(kind: str, text: str) -> bool:
    """Whether it can be put in order."""
    return _ordered(kind, text) is not None


@lru_cache(maxsize=20_000)
def _ordered(kind: str, text: str) -> Any | None:  # noqa: ANN401 - each ecosystem's own class
    scheme = _SCHEMES.get(kind)
    if scheme is None:
        return _pieces(text)
    with suppress(Exception):
        # as in ``compare``
        return scheme(text.removeprefix("v") if scheme is univers.SemverVersion else text)
    return None


def _pieces(text: str) -> tuple[tuple[int, int, str], ...] | None:
    """1.1.1-rc1 < 1.1.1 < 1.1.1w < 1.1.2; None for what has no number in it."""
    found = _PIECES.findall(text.lower().partition("+")[0])
    if not any(piece.isdecimal() for piece in found):
        return None
    if found[0] == "v":
        found = found[1:]
    pieces: list[tuple[int, int, str]] = []
    for one in (*map(_piece, found), (_END, 0, "")):
        # 1.2 is 1.2.0, and 1.2-rc1 is 1.2.0-rc1
        while one[0] != _NUMBER and pieces and pieces[-1] == (_NUMBER, 0, ""):
            pieces.pop()
        pieces.append(one)
    return tuple(pieces)


def _piece(piece: str) -> tuple[int, int, str]:
    if piece.isdecimal():
        return (_NUMBER, int(piece), "")
    return (_EARLY if piece in _EARLIER else _LATER, 0, piece)
