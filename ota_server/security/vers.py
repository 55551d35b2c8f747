"""Ranges of versions as one text: ``vers:``, and what CSAF files have beside it (2.0, 3.1.2.3.1)."""

import re
from collections.abc import Iterator
from functools import cmp_to_key
from typing import Final
from urllib.parse import unquote

from ota_server.security.versions import Interval, compare, is_version

LONGEST: Final = 2000
_CONSTRAINT: Final = re.compile(r"(<=|>=|!=|<|>|=)?\s*([^\s<>=!|,*]{1,128})", re.ASCII)


def read(text: str, kind: str) -> tuple[tuple[str, ...], tuple[Interval, ...]]:
    """The single versions and the intervals of a range.

    Args:
        text: such as ``vers:deb/>=1.0|<2.0`` or ``<2.0``.
        kind: the type of package, which has the order.

    Raises:
        ValueError: it is no range, or has a version that has no order.
    """
    body = unquote(text.partition("/")[2]) if text.startswith("vers:") else text
    found: list[tuple[str, str]] = _CONSTRAINT.findall(body)
    if not found or _CONSTRAINT.sub("", body).strip(" |,"):
        raise ValueError(f"expected a range of versions such as vers:deb/>=1.0|<2.0, got {text[:80]!r}")
    for _, version in found:
        if not is_version(kind, version):
            raise ValueError(f"expected versions of {kind} that have an order, got {version[:80]!r}")
    single = tuple(version for sign, version in found if sign in {"", "="})
    # what is taken out by != stays in: in doubt a version is affected
    bounds = [one for one in found if one[0] in {"<", "<=", ">", ">="}]
    if not single and not bounds:
        raise ValueError(f"expected a range that has something in it, got {text[:80]!r}")

    def order(one: tuple[str, str], other: tuple[str, str]) -> int:
        return compare(kind, one[1], other[1]) or 0

    return single, tuple(_intervals(sorted(bounds, key=cmp_to_key(order))))


def _intervals(bounds: list[tuple[str, str]]) -> Iterator[Interval]:
    start: tuple[str, str] | None = None
    for sign, version in bounds:
        if sign.startswith(">"):
            start = start or (sign, version)
        else:
            low_sign, low = start or ("", "")
            yield Interval(low, version, above=low_sign == ">", up_to=sign == "<=")
            start = None
    if start is not None:
        yield Interval(start[1], above=start[0] == ">")
