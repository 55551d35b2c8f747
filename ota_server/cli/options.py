"""Kinds of values on the command line."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Generic, TypeVar

import click

from ota_client.formats.strict import parse_time
from ota_client.formats.version import Version
from ota_server.rollouts.share import Share
from ota_server.rollouts.windows import MaintenanceWindow

T = TypeVar("T")

_DURATION: Final = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Parsed(click.ParamType, Generic[T]):  # type: ignore[type-arg] # generic in newer click only
    """A value that one of our parsers reads; its ValueError is the usage error."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Read a text."""
        if not isinstance(value, str):
            # click hands back what it has converted
            return value  # type: ignore[return-value] # as said
        try:
            return self._parse(value)
        except ValueError as e:
            self.fail(str(e), param, ctx)


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a time such as 30s, 10m, 2h or 7d, got {text[:40]!r}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


VERSION: Final = Parsed("version", Version.parse)
DURATION: Final = Parsed("duration", _duration)
TIME: Final = Parsed("time", parse_time)
SHARE: Final = Parsed("share", Share.parse)
WINDOW: Final = Parsed("window", MaintenanceWindow.parse)
LIMIT: Final = click.IntRange(1, 1000)
