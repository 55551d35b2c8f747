"""Where settings come from, one source over the other, each read as strictly as the next."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self, TypeVar

from ota_client.errors import ConfigError
from ota_client.formats.strict import Fields

T = TypeVar("T")

PREFIX: Final = "OTA_SERVER_"
_FILE_MOST_BYTES: Final = 64 * 1024
_FLAGS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class Source(Fields):
    """The settings of one source.

    Args:
        value: names and values.
        where: named in errors.
        folder: what relative paths start from.
    """

    def __init__(self, value: object, where: str, folder: Path = Path()) -> None:
        super().__init__(value, where, ConfigError)
        self.folder = folder

    def take(self, name: str, kind: type[T], expected: str) -> T:
        """Take a value of one kind."""
        return super()._take(name, kind, expected)

    def at(self, name: str) -> str:
        """How errors name a setting."""
        return self._at(name)

    def has_table(self, name: str) -> bool:
        """Whether there is something in the table."""
        return self.has(name)

    def below(self, name: str) -> Self:
        """Take a table."""
        return type(self)(self.take(name, dict, "a table"), self.at(name), self.folder)


class EnvironmentSource(Source):
    """Variables such as ``OTA_SERVER_PORT``, and ``OTA_SERVER_FLEET_CHECK_IN_S`` for a table's setting.

    A list is separated by commas. Unknown variables are left alone: container managers set some.
    """

    def take(self, name: str, kind: type[T], expected: str) -> T:
        """Take a variable and read its text as ``kind``."""
        text = str(self._left[name])
        value = _converted(text, kind)
        if value is None:
            self.fail(name, expected, text)
        self._left[name] = value
        return super().take(name, kind, expected)

    def has_table(self, name: str) -> bool:
        """Whether a variable of the table is set."""
        return any(key.startswith(f"{name}_") for key in self._left)

    def below(self, name: str) -> Self:
        """Take the variables of a table."""
        start = f"{name}_"
        inner = {key.removeprefix(start): v for key, v in self._left.items() if key.startswith(start)}
        return type(self)(inner, self.at(name), self.folder)

    def finish(self) -> None:
        """Leave unknown variables alone."""

    def _at(self, name: str) -> str:
        return f"{self._where}_{name.upper()}"


def _converted(text: str, kind: type) -> object:
    if kind is bool:
        return _FLAGS.get(text.lower())
    if kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        value: object = kind(text)
    except (ValueError, TypeError):
        return None
    return value


class Layers(Fields):
    """Sources one over the other: the first that says something counts."""

    def __init__(self, *sources: Source) -> None:
        super().__init__({}, "settings", ConfigError)
        self.sources = sources
        self._said_by: dict[str, Source] = {}
        self._tables: dict[str, Layers] = {}

    def has(self, name: str) -> bool:
        """Whether a source says it, and it was not yet taken."""
        return any(source.has(name) for source in self.sources)

    def given(self, name: str, take: Callable[[str], T], default: T) -> T:
        """Take a setting by ``take``, or its default where no source says it."""
        return take(name) if self.has(name) else default

    def path(self, name: str) -> Path:
        """Take a path; a relative one starts from the folder of the source that says it."""
        text = self.text(name) or self.fail(name, "a path", "")
        return self._said_by[name].folder / text

    def paths(self, name: str) -> tuple[Path, ...]:
        """Take a list of paths."""
        texts = self.texts(name, most=16)
        return tuple(self._said_by[name].folder / text for text in texts)

    def share(self, name: str) -> float:
        """Take a number from 0 to 1."""
        value = self._take(name, float, expected := "a number from 0.0 to 1.0")
        return value if 0 <= value <= 1 else self.fail(name, expected, value)

    def switch(self, name: str, *, default: bool) -> bool:
        """Take an optional true or false."""
        return self.given(name, self.flag, default)

    def folder_of(self, name: str) -> Path:
        """The folder of the source that said a setting."""
        return self._said_by[name].folder

    def table(self, name: str) -> "Layers":
        """The sources of a table; it may be asked for again."""
        if name not in self._tables:
            self._tables[name] = Layers(*(s.below(name) for s in self.sources if s.has_table(name)))
        return self._tables[name]

    def finish(self) -> None:
        """Refuse what nobody asked for, in tables too."""
        for part in (*self._tables.values(), *self.sources):
            part.finish()

    def _take(self, name: str, kind: type[T], expected: str) -> T:
        saying = [source for source in self.sources if source.has(name)]
        if not saying:
            raise ConfigError(f"settings: {name} is missing; expected {expected}")
        self._said_by[name] = saying[0]
        # what a lower source says is checked although it does not count
        value, *_ = (source.take(name, kind, expected) for source in saying)
        return value

    def _at(self, name: str) -> str:
        return self._said_by[name].at(name)


def layers(flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None) -> Layers:
    """Flags over the environment over the settings file.

    Args:
        flags: by the setting's name; None for those not given.
        environ: all variables of the process.
        config: the settings file, if there is one.

    Raises:
        ConfigError: the file cannot be read or is no TOML.
    """
    given = {name: _plain(value) for name, value in flags.items() if value is not None}
    variables = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX)
    }
    sources = [Source(given, "flags"), EnvironmentSource(variables, PREFIX.removesuffix("_"))]
    return Layers(*sources, *([read_file(config)] if config else []))


def read_file(path: Path) -> Source:
    """Read ``ota-server.toml``; its paths are relative to its own folder.

    Raises:
        ConfigError: it cannot be read or is no TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_MOST_BYTES)
        return Source(tomllib.loads(data.decode()), str(path), path.parent)
    except OSError as e:
        raise ConfigError(f"--config {path} cannot be read: {e.strerror}") from e
    except ValueError as e:
        raise ConfigError(f"--config {path}: expected TOML, got {str(e).splitlines()[0]}") from e


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
