"""Strict reading of foreign JSON and TOML: every field is named, typed and bounded (A27, A29)."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import NoReturn, TypeVar, cast

from ota_client.errors import OtaError

# One rule wherever a name enters: no path trick (.., %2f, ?, #, NUL, backslash, absolute) passes (A27).
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9_-]+)*", re.ASCII)
NAME_LONGEST = 64
NAME_RULE = f"lower-case letters, digits, '-', '_' and single dots, at most {NAME_LONGEST} characters"

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_DIGITS_LONGEST = 16
# JavaScript's and most JSON readers' safe range, so that every tool reads the same number.
INTEGER_MAX = 2**53 - 1

T = TypeVar("T")


def is_name(text: str) -> bool:
    """Whether ``text`` may be a product, hardware id, channel, image, slot or key name."""
    return len(text) <= NAME_LONGEST and _NAME.fullmatch(text) is not None


def format_time(moment: datetime) -> str:
    """Write a UTC time to the second, as TUF does."""
    return moment.astimezone(UTC).strftime(_TIME)


def parse_time(text: str) -> datetime:
    """Read a UTC time written by ``format_time``.

    Raises:
        ValueError: it is not of the form 2026-11-22T08:00:00Z.
    """
    with suppress(ValueError):
        # strptime costs ten times this, and its module; the other forms that this one takes are refused
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC and format_time(moment) == text:
            return moment
    raise ValueError(f"expected a time such as 2026-11-22T08:00:00Z, got {text[:80]!r}")


def canonical_json(value: object) -> bytes:
    """Write JSON in the one form that devices accept: sorted keys, no blanks, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def parse_canonical_json(data: bytes, *, max_bytes: int, what: str, error: type[OtaError]) -> object:
    """Read canonical JSON and nothing else.

    Duplicate keys, floats, NaN, huge integers, deep nesting, invalid UTF-8 and every second way to
    write the same value are refused, so that all readers see the same content (A29).

    Raises:
        error: ``data`` is too long or not canonical JSON.
    """
    value, canonical = _parse(data, max_bytes, what, "canonical JSON", error)
    if canonical != data:
        raise error(f"{what}: expected canonical JSON (sorted keys, no blanks), got another form")
    return value


def parse_json(data: bytes, *, max_bytes: int, what: str, error: type[OtaError]) -> object:
    """Read JSON in any form, but as strictly: for what is not signed and comes from other programs.

    Raises:
        error: ``data`` is too long or not such JSON.
    """
    value, _ = _parse(data, max_bytes, what, "JSON", error)
    return value


def _parse(
    data: bytes, max_bytes: int, what: str, form: str, error: type[OtaError]
) -> tuple[object, bytes]:
    if len(data) > max_bytes:
        raise error(f"{what}: expected at most {max_bytes} bytes, got {len(data)}")
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_unique_keys,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_bounded_integer,
        )
        # a lone surrogate can be read, and not be written any more
        return value, canonical_json(value)
    except (ValueError, RecursionError) as e:
        raise error(f"{what}: expected {form}, got {_first_line(e)}") from e


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object that names a key twice")
    return found


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"the number {text[:20]}; only integers are allowed")


def _bounded_integer(text: str) -> int:
    if len(text) > _DIGITS_LONGEST + 1:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)


def _first_line(e: Exception) -> str:
    if isinstance(e, RecursionError):
        return "nesting too deep"
    return str(e).splitlines()[0][:200]


class Fields:
    """The fields of one table, taken one by one; what is left at the end is refused.

    A field that nobody knows is critical unless its name begins with ``x-``: an old device must not
    ignore what a newer release engineer meant it to obey.
    """

    def __init__(self, value: object, where: str, error: type[OtaError]) -> None:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise error(f"{where}: expected a table of named fields, got {type(value).__name__}")
        self._left = cast("dict[str, object]", dict(value))
        self._where = where
        self._error = error

    def fail(self, name: str, expected: str, got: object) -> NoReturn:
        """Refuse a field in one sentence."""
        raise self._error(f"{self._at(name)}: expected {expected}, got {str(got)[:80]!r}")

    def _at(self, name: str) -> str:
        # in some tables the names are foreign too; an error is one line
        return f"{self._where}: {name[:80] if name.isprintable() else ascii(name)[:80]}"

    def has(self, name: str) -> bool:
        """Whether the field is there and not yet taken."""
        return name in self._left

    def names(self) -> tuple[str, ...]:
        """The fields not yet taken."""
        return tuple(self._left)

    def _take(self, name: str, kind: type[T], expected: str) -> T:
        if name not in self._left:
            raise self._error(f"{self._at(name)} is missing; expected {expected}")
        value = self._left.pop(name)
        # bool is an int to Python, but not to us
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.fail(name, expected, value)
        return value

    def text(self, name: str, *, longest: int = 4096) -> str:
        """Take a text of at most ``longest`` characters."""
        value = self._take(name, str, "a text")
        if len(value) > longest:
            self.fail(name, f"at most {longest} characters", f"{len(value)} characters")
        return value

    def name(self, name: str) -> str:
        """Take a name (see ``is_name``)."""
        value = self._take(name, str, f"a name of {NAME_RULE}")
        if not is_name(value):
            self.fail(name, f"a name of {NAME_RULE}", value)
        return value

    def sha256(self, name: str) -> str:
        """Take a sha256 in 64 lower-case hexadecimal digits."""
        value = self._take(name, str, "a sha256 in hexadecimal")
        if not _SHA256.fullmatch(value):
            self.fail(name, "a sha256 of 64 lower-case hexadecimal digits", value)
        return value

    def integer(self, name: str, *, lowest: int = 0, highest: int = INTEGER_MAX) -> int:
        """Take an integer within bounds, both included."""
        expected = f"an integer from {lowest} to {highest}"
        value = self._take(name, int, expected)
        if not lowest <= value <= highest:
            self.fail(name, expected, value)
        return value

    def flag(self, name: str) -> bool:
        """Take true or false."""
        return self._take(name, bool, "true or false")

    def plain(self, name: str, *, longest: int) -> str | int | bool:
        """Take a text of at most ``longest`` characters, a whole number or a flag."""
        value = self._left.get(name)
        if isinstance(value, bool):
            return self.flag(name)
        if isinstance(value, int):
            return self.integer(name, lowest=-INTEGER_MAX)
        return self.text(name, longest=longest)

    def parsed(self, name: str, parse: Callable[[str], T]) -> T:
        """Take a text and read it by ``parse``, whose ValueError becomes ours."""
        text = self.text(name)
        try:
            return parse(text)
        except ValueError as e:
            raise self._error(f"{self._at(name)}: {e}") from e

    def time(self, name: str) -> datetime:
        """Take a UTC time such as 2026-11-22T08:00:00Z."""
        return self.parsed(name, parse_time)

    def table(self, name: str) -> "Fields":
        """Take a table."""
        return Fields(self._take(name, dict, "a table"), self._at(name), self._error)

    def tables(self, name: str, *, most: int) -> "Iterator[Fields]":
        """Take a list of at most ``most`` tables."""
        for number, value in enumerate(self._list(name, most)):
            yield Fields(value, f"{self._at(name)}[{number}]", self._error)

    def texts(self, name: str, *, most: int) -> tuple[str, ...]:
        """Take a list of at most ``most`` texts."""
        values = self._list(name, most)
        return tuple(v if isinstance(v, str) else self.fail(name, "texts", v) for v in values)

    def name_list(self, name: str, *, most: int) -> tuple[str, ...]:
        """Take a list of 1 to ``most`` different names."""
        values = self.texts(name, most=most)
        if not values or len(set(values)) != len(values) or not all(map(is_name, values)):
            self.fail(name, f"one or more different names of {NAME_RULE}", values)
        return values

    def _list(self, name: str, most: int) -> list[object]:
        values = self._take(name, list, "a list")
        if len(values) > most:
            self.fail(name, f"at most {most} entries", f"{len(values)} entries")
        return cast("list[object]", values)

    def given(self, name: str, take: Callable[[str], T], default: T) -> T:
        """Take an optional field by ``take``, or its default where it is not there."""
        return take(name) if name in self._left else default

    def count(self, name: str, default: int, *, most: int) -> int:
        """Take an optional integer from 1 to ``most``."""
        return self.given(name, lambda name: self.integer(name, lowest=1, highest=most), default)

    def finish(self) -> None:
        """Refuse the fields that nobody took, except optional ones (``x-...``)."""
        unknown = sorted(name for name in self._left if not name.startswith("x-"))
        if unknown:
            known = "a field that this version knows (optional ones begin with 'x-')"
            raise self._error(f"{self._where}: expected {known}, got {unknown[0][:80]!r}")
