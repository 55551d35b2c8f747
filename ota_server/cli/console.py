"""One run of ``ota-server``: its settings, its clock, and how it speaks."""

import json
import os
import pwd
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.errors import ConfigError
from ota_client.formats.strict import format_time
from ota_server.operators.actor import Actor
from ota_server.plain import plain
from ota_server.settings import FleetSettings, read_files, read_fleet

if TYPE_CHECKING:
    from ota_server.catalog import Catalog
    from ota_server.database.database import Database
    from ota_server.operations.desk import Desk


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
        """The published releases; the files are opened by who first asks for one."""
        from ota_server.catalog import Catalog  # noqa: PLC0415 - help must start fast
        from ota_server.files.opening import LateStore  # noqa: PLC0415 - as above

        root = self.fleet().root
        try:
            trusted = root.read_bytes() if root else None
        except OSError as e:
            raise ConfigError(f"root: {root} cannot be read: {e.strerror}") from e
        return Catalog(LateStore(lambda: read_files(os.environ, self.config)), trusted)

    @contextmanager
    def desk(self, *, write: bool = False, releases: bool = False) -> "Iterator[Desk]":
        """Where operations are done, as this machine's account: it may everything, and is written down.

        Args:
            write: whether something is changed.
            releases: look at them before others wait for us: a store may be slow.

        Raises:
            ConfigError, SchemaError, DatabaseUnavailableError: as ``database``.
        """
        from ota_server.operations.desk import Desk  # noqa: PLC0415 - help must start fast

        catalog = self.catalog().held()
        with self.database() as database:
            if releases:
                catalog.read_ahead()
            with database.begin() if write else database.read() as connection:
                yield Desk(connection, Actor.machine(account()), self.now, catalog)

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


def account() -> str:
    """Whose process this is: what it does is written down under this name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        # a container's number without a name
        return str(os.geteuid())


def printable(text: str) -> str:
    """Foreign text without control characters: a terminal must not obey it."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


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
        case bool():
            return "yes" if value else "no"
        case tuple() | list():
            return ", ".join(map(str, value)) or "-"
        case dict():
            return ", ".join(f"{name}: {cell(one)}" for name, one in value.items()) or "-"
        case _:
            return str(value)
