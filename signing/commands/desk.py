"""What all commands share: where they work, how they speak, how errors become exit codes."""

import json
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import OtaError
from ota_client.formats.strict import format_time
from ota_client.formats.version import Version
from signing.commands.passphrase import passphrase_source
from signing.commands.progress import progress_meter

if TYPE_CHECKING:
    from signing.repository import Repository

Command = Callable[..., None]


@dataclass(slots=True)
class Desk:
    """One run of ``ota-sign``.

    Attributes:
        now: the one reading of the clock.
    """

    folder: Path
    now: datetime
    as_json: bool = False
    passphrase_file: Path | None = None
    show_progress: bool = False

    def repository(self) -> "Repository":
        """Open the repository folder."""
        from signing.repository import Repository  # noqa: PLC0415 (help must start fast)

        return Repository(self.folder, secrets=self.secrets(), notice=self.note)

    def create_repository(self, folder: Path, *, with_keys: bool) -> "Repository":
        """Make a repository folder."""
        from signing.root import create_repository  # noqa: PLC0415 (help must start fast)

        return create_repository(
            folder, with_keys=with_keys, now=self.now, secrets=self.secrets(), notice=self.note
        )

    def secrets(self) -> Callable[[str], str]:
        """Where passphrases come from."""
        return passphrase_source(self.passphrase_file, warn=self.note)

    def progress(self, what: str) -> Callable[[int, int], None] | None:
        """A meter for long work, if somebody watches."""
        return progress_meter(what, always=self.show_progress)

    def say(self, text: str) -> None:
        """Tell a person; on standard error if a program reads standard output."""
        click.echo(printable(text), err=self.as_json)

    def note(self, text: str) -> None:
        """Tell a person something beside the result."""
        click.echo(printable(text), err=True)

    def report(self, value: object) -> None:
        """Tell a program."""
        if self.as_json:
            click.echo(json.dumps(plain(value), indent=2))

    def staged(self, text: str) -> None:
        """Say what was staged, and what comes next."""
        self.say(f"staged: {text}; next: review, sign, publish")
        self.report({"staged": text})


def user_name() -> str:
    """The operating system's name of who runs this; environment variables do not count."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def printable(text: str) -> str:
    """Text from files without control characters: a terminal must not obey it (C10)."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def plain(value: object) -> object:
    """A report as JSON values."""
    match value:
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case datetime():
            return format_time(value)
        case str() | int() | None:
            return value
        case _ if is_dataclass(value) and not isinstance(value, Version):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return str(value)


def _set_folder(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _desk(context).folder = value


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    _desk(context).as_json |= value


def _set_passphrase_file(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _desk(context).passphrase_file = value


def _desk(context: click.Context) -> Desk:
    return context.ensure_object(Desk)


def repository_options(command: Command) -> Command:
    """``--repo`` and ``--json``, on every command that works on a repository folder."""
    repo = click.option(
        "--repo",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_set_folder,
        help="The repository folder.  [env: OTA_SIGN_REPO; default: the current folder]",
    )
    return repo(json_option(command))


def json_option(command: Command) -> Command:
    """``--json``."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_set_json,
        help="Report as JSON on standard output.",
    )(command)


def secret_options(command: Command) -> Command:
    """``--passphrase-file``, on every command that opens or makes private keys."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_set_passphrase_file,
        help="Its first line opens the keys; by default a prompt asks.  [env: OTA_SIGN_PASSPHRASE_FILE]",
    )(command)


class DeskGroup(SummaryGroup):
    """The commands; our errors become one sentence and an exit code."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 (click's own signature)
    ) -> click.Context:
        """Set the desk up before any option is read."""
        environment = os.environ
        file = environment.get("OTA_SIGN_PASSPHRASE_FILE")
        desk = Desk(
            Path(environment.get("OTA_SIGN_REPO") or "."),
            datetime.now(UTC).replace(microsecond=0),
            passphrase_file=Path(file) if file else None,
        )
        extra.setdefault("obj", desk)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except OtaError as e:
            _fail(ctx, str(e), e.code, e.exit_code, retryable=e.retryable)
        except OSError as e:
            text = f"{e.filename or _desk(ctx).folder}: {e.strerror or e}"
            _fail(ctx, text, "file", 1, retryable=False)


def _fail(
    context: click.Context, message: str, code: str, exit_code: int, *, retryable: bool
) -> NoReturn:
    click.echo(printable(f"ota-sign: {message} [{code}]"), err=True)
    if _desk(context).as_json:
        error = {"code": code, "message": message, "retryable": retryable}
        click.echo(json.dumps({"error": error}, indent=2))
    context.exit(exit_code)
