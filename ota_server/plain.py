"""What is told to programs, as JSON values: the same from a command with ``--json`` and from the API."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from ota_client.formats.strict import format_time
from ota_client.formats.version import Version


@runtime_checkable
class HasFields(Protocol):
    """Says itself what its JSON is."""

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""


def plain(value: object) -> object:
    """A report as JSON values."""
    if isinstance(value, HasFields) and not isinstance(value, type):
        return plain(value.to_fields())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if is_dataclass(value) and not isinstance(value, Version):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return _plain_atom(value)


def _plain_atom(value: object) -> object:
    if isinstance(value, datetime):
        return format_time(value)
    return value if isinstance(value, str | int | float | None) else str(value)
