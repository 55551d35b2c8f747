"""What a group query can ask about a device, and how each field is compared."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from functools import lru_cache
from operator import attrgetter
from typing import Final, TypeAlias

from ota_client.formats.strict import INTEGER_MAX, NAME_RULE, is_name
from ota_client.formats.version import Version
from ota_client.recovery import Phase

ATTRIBUTE: Final = "attribute."
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)

Operand: TypeAlias = str | int | Version


class Operator(StrEnum):
    """How a field is compared."""

    EQUAL = "="
    UNEQUAL = "!="
    IN = "in"
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    LIKE = "~"

    @property
    def is_order(self) -> bool:
        """Whether it asks which of two comes first."""
        return self in _ORDER


_SAME: Final = (Operator.EQUAL, Operator.UNEQUAL, Operator.IN)
_ORDER: Final = (Operator.BELOW, Operator.AT_MOST, Operator.ABOVE, Operator.AT_LEAST)


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What groups are made of: the state of one device.

    Attributes:
        running_version: None before the first check-in, as are ``rollback_index`` and ``phase``.
        attributes: as the device sent them.
    """

    device_id: str
    product: str
    hardware_id: str
    running_version: Version | None = None
    rollback_index: int | None = None
    phase: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)


class FieldKind(Enum):
    """What is in a field, and so how it can be compared."""

    NAME = auto()
    PHASE = auto()
    TAG = auto()
    NUMBER = auto()
    VERSION = auto()
    ATTRIBUTE = auto()

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators that it takes."""
        match self:
            case FieldKind.NAME | FieldKind.TAG:
                return (*_SAME, Operator.LIKE)
            case FieldKind.PHASE:
                return _SAME
            case FieldKind.NUMBER:
                return (*_SAME, *_ORDER)
            case FieldKind.VERSION | FieldKind.ATTRIBUTE:
                return tuple(Operator)


_FIELDS: Final = {
    "device_id": FieldKind.NAME,
    "product": FieldKind.NAME,
    "hardware_id": FieldKind.NAME,
    "version": FieldKind.VERSION,
    "rollback_index": FieldKind.NUMBER,
    "phase": FieldKind.PHASE,
    "tag": FieldKind.TAG,
}
FIELDS_KNOWN: Final = ", ".join((*_FIELDS, f"{ATTRIBUTE}NAME"))
_GETTERS: Final[Mapping[str, Callable[[DeviceFacts], Operand | None]]] = {
    name: attrgetter({"version": "running_version"}.get(name, name)) for name in _FIELDS if name != "tag"
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field, such as ``version`` or ``attribute.region``."""

    name: str
    kind: FieldKind

    @classmethod
    def named(cls, text: str) -> "Field | None":
        """The field of that name, if there is one."""
        if text.startswith(ATTRIBUTE) and is_name(text.removeprefix(ATTRIBUTE)):
            return cls(text, FieldKind.ATTRIBUTE)
        return cls(text, _FIELDS[text]) if text in _FIELDS else None

    def values(self, facts: DeviceFacts) -> tuple[Operand, ...]:
        """What the device has there: nothing, one value, or each of its tags."""
        if self.kind is FieldKind.TAG:
            return facts.tags
        if self.kind is FieldKind.ATTRIBUTE:
            value: Operand | None = facts.attributes.get(self.name[len(ATTRIBUTE) :])
        else:
            value = _GETTERS[self.name](facts)
        return () if value is None else (value,)

    def operand(self, operator: Operator, text: str) -> Operand:
        """Read what the field is compared with.

        Raises:
            ValueError: it is nothing that the field could be; the message says what was expected.
        """
        if operator is Operator.LIKE:
            return text
        match self.kind:
            case FieldKind.VERSION:
                return Version.parse(text)
            case FieldKind.NUMBER:
                return _integer(text)
            case FieldKind.ATTRIBUTE if operator.is_order:
                return _integer(text) if _INTEGER.fullmatch(text) else _version_or_integer(text)
            case FieldKind.ATTRIBUTE:
                return text
            case FieldKind.PHASE if text not in tuple(Phase):
                raise ValueError(f"expected {', '.join(Phase)}")
            case _ if not is_name(text):
                raise ValueError(f"expected a name of {NAME_RULE}")
        return text


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > INTEGER_MAX:
        raise ValueError("expected a whole number")
    return int(text)


def _version_or_integer(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as e:
        raise ValueError("expected a whole number or a version") from e


@lru_cache(maxsize=4096)
def parsed_version(text: str) -> Version | None:
    """A version as it stands in an attribute or the database, if it is one; there are few different."""
    try:
        return Version.parse(text)
    except ValueError:
        return None
