"""JSON that other programs wrote: what we take is typed and bounded, the rest is passed over (A29)."""

import json
from collections.abc import Iterator
from enum import Enum
from typing import NoReturn, TypeVar, cast

from ota_client.errors import OtaError

T = TypeVar("T")


class Foreign:
    """One table of such a file.

    Other than ``ota_client.formats.strict.Fields`` it passes over unknown fields: these formats have
    hundreds.

    Args:
        value: as JSON gave it.
        where: what it is, for errors.
        error: what is raised.
    """

    def __init__(self, value: object, where: str, error: type[OtaError]) -> None:
        if not isinstance(value, dict):
            raise error(f"{where}: expected a table, got {type(value).__name__}")
        self._fields = cast("dict[str, object]", value)
        self._where = where
        self._error = error

    @classmethod
    def parse(cls, data: bytes, *, most_bytes: int, what: str, error: type[OtaError]) -> "Foreign":
        """Read a file.

        Raises:
            error: it is too long, no JSON, or no table; or a key stands twice in a table.
        """
        if len(data) > most_bytes:
            raise error(f"{what}: expected at most {most_bytes} bytes, got {len(data)}")
        try:
            value: object = json.loads(
                data.decode("utf-8-sig"),
                object_pairs_hook=_unique_keys,
                parse_float=_number,
                parse_int=_number,
                parse_constant=_refuse_constant,
            )
        except (ValueError, RecursionError) as e:
            reason = (
                "nesting too deep" if isinstance(e, RecursionError) else str(e).splitlines()[0][:200]
            )
            raise error(f"{what}: expected JSON, got something else: {reason}") from e
        return cls(value, what, error)

    def fail(self, name: str, expected: str, got: object) -> NoReturn:
        """Refuse a field in one sentence."""
        raise self._error(f"{self._where}: {name}: expected {expected}, got {_shown(got)}")

    def has(self, name: str) -> bool:
        """Whether the field is there, and not null."""
        return self._fields.get(name) is not None

    def is_text(self, name: str) -> bool:
        """Whether the field is there, and a text: some fields are what their source likes."""
        return isinstance(self._fields.get(name), str)

    def text(self, name: str, *, longest: int) -> str:
        """A text; empty if it is not there."""
        value = self._get(name, str, "a text") or ""
        if len(value) > longest:
            self.fail(name, f"at most {longest} characters", f"{len(value)} characters")
        return self._sound(name, value)

    def words(self, name: str, *, longest: int) -> str:
        """A text for people, cut where it is too long, on one line; empty if it is not there."""
        value = self._get(name, str, "a text") or ""
        # so much is enough to find the first words in
        return self._sound(name, " ".join(value[: 4 * longest].split())[:longest])

    def table(self, name: str) -> "Foreign":
        """A table; an empty one if it is not there."""
        value = self._get(name, dict, "a table")
        return Foreign({} if value is None else value, f"{self._where}: {name}", self._error)

    def tables(self, name: str, *, most: int) -> Iterator["Foreign"]:
        """The tables of a list; none if it is not there."""
        for number, value in enumerate(self._list(name, most)):
            yield Foreign(value, f"{self._where}: {name}[{number}]", self._error)

    def texts(self, name: str, *, most: int, longest: int) -> tuple[str, ...]:
        """The texts of a list; none if it is not there."""
        values = self._list(name, most)
        for value in values:
            if not isinstance(value, str) or len(value) > longest:
                self.fail(name, f"texts of at most {longest} characters", value)
        return tuple(self._sound(name, cast("str", value)) for value in values)

    def _list(self, name: str, most: int) -> list[object]:
        values = cast("list[object]", self._get(name, list, "a list") or [])
        if len(values) > most:
            self.fail(name, f"at most {most} entries", f"{len(values)} entries")
        return values

    def _get(self, name: str, kind: type[T], expected: str) -> T | None:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, kind):
            self.fail(name, expected, value)
        return value

    def _sound(self, name: str, value: str) -> str:
        """Without what no database holds: half a character, or NUL."""
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            self.fail(name, "whole characters without NUL", value)
        return value


def _shown(value: object) -> str:
    return str(value.value) if isinstance(value, _Number) else ascii(value)[:80]


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a table that names a key twice")
    return found


class _Number(Enum):
    """Scores and the like: nothing that we take, so nothing that we keep."""

    ANY = "a number"


def _number(_: str) -> _Number:
    return _Number.ANY


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text}, which is no JSON")
