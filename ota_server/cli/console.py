"""One run of ``ota-server``: its settings, its clock, and how it speaks."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import click

from ota_client.errors import ConfigError
from ota_client.formats.strict import format_time
from ota_client.formats.version import Version
from ota_server.settings import FleetSettings, read_files, read_fleet

if TYPE_CHECKING:
    from ota_server.catalog import Catalog
    from ota_server.database.database import Database


@dataclass(slots=True)
class Console:
    """How a command is called, and how it answers.

    Attributes:
        now: the one reading of the clock, UTC.
        config: the settings file.
        as_json: the report goes to stdout as JSON, and words to stderr.
        assume_yes: do what cannot be undone without asking.
    """

    now: datetime
    config: Path | None = None
    as_json: bool = False
    assume_yes: bool = False

    def fleet(self) -> FleetSettings:
        """The fleet's settings.

        Raises:
            ConfigError: they are wrong, or there is no fleet.
        """
        settings = read_fleet(os.environ, self.config)
        if settings is None:
            raise ConfigError(
                "expected --config FILE (or OTA_SERVER_CONFIG) whose settings name a database, got "
                "none; `ota-server init DIR` makes both"
            )
        return settings

    @contextmanager
    def database(self) -> "Iterator[Database]":
        """The fleet's database, once its schema is the right one.

        Raises:
            ConfigError: the settings are wrong.
            SchemaError: the database is older or newer.
            DatabaseUnavailableError: it does not answer.
        """
        from ota_server.database.opening import opened  # noqa: PLC0415 - help must start fast

        with opened(self.fleet().database) as database:
            yield database

    def catalog(self) -> "Catalog":
        """The published releases."""
        from ota_server.catalog import Catalog  # noqa: PLC0415 - help must start fast
        from ota_server.files.opening import open_store  # noqa: PLC0415 - as above

        root = self.fleet().root
        try:
            trusted = root.read_bytes() if root else None
        except OSError as e:
            raise ConfigError(f"root: {root} cannot be read: {e.strerror}") from e
        return Catalog(open_store(*read_files(os.environ, self.config)), trusted)

    def say(self, text: str) -> None:
        """Tell a person; on stderr if a program reads stdout."""
        click.echo(printable(text), err=self.as_json)

    def report(self, value: object) -> None:
        """Tell a program."""
        if self.as_json:
            click.echo(json.dumps(plain(value), indent=2))

    def done(self, text: str, value: object) -> None:
        """Tell both what was done."""
        self.say(text)
        self.report(value)

    def show(self, text: str, value: object) -> None:
        """Tell what was asked for: to a program or to a person."""
        click.echo(json.dumps(plain(value), indent=2) if self.as_json else printable(text))

    def confirm(self, what: str) -> None:
        """Ask before what cannot be undone.

        Raises:
            ConfigError: nobody is there to ask, and ``--yes`` was not given.
        """
        if self.assume_yes:
            return
        if not sys.stdin.isatty():
            raise ConfigError(f"{what}: expected --yes, or a terminal to ask on, got neither")
        click.confirm(f"{what}?", abort=True, err=True)


def printable(text: str) -> str:
    """Foreign text without control characters: a terminal must not obey it."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


@runtime_checkable
class HasFields(Protocol):
    """Says itself what its JSON is."""

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""


def plain(value: object) -> object:
    """A report as JSON values."""
    if isinstance(value, HasFields) and not isinstance(value, type):
        return plain(value.to_fields())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, Version):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return _plain_atom(value)


def _plain_atom(value: object) -> object:
    if isinstance(value, datetime):
        return format_time(value)
    return value if isinstance(value, str | int | float | None) else str(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns of text under their heads."""
    cells = [[*heads], *([cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


def cell(value: object) -> str:
    """A value in words, for a person."""
    match value:
        case None | "":
            return "-"
        case datetime():
            return format_time(value)
        case tuple() | list():
            return ", ".join(map(str, value)) or "-"
        case _:
            return str(value)
