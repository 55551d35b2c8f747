"""What a group query is made of: each condition holds for a device or not, and can be written down."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any, Final, TypeAlias

from ota_client.formats.version import Version
from ota_server.devices.query_fields import (
    DeviceFacts,
    Field,
    FieldKind,
    Operand,
    Operator,
    parsed_version,
)
from ota_server.devices.query_tokens import quoted

_COMPARED: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.BELOW: lt,
    Operator.AT_MOST: le,
    Operator.ABOVE: gt,
    Operator.AT_LEAST: ge,
}


@dataclass(frozen=True, slots=True)
class All:
    """Every device of the product."""

    def matches(self, _: DeviceFacts) -> bool:
        """Always."""
        return True

    def __str__(self) -> str:
        return "all"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field against one value, or against several with ``in``.

    What a device does not have is not compared: the comparison is false. Only ``tag !=`` holds for a
    device without tags, since it asks whether none of them is that one.
    """

    field: Field
    operator: Operator
    operands: tuple[Operand, ...]

    def matches(self, facts: DeviceFacts) -> bool:
        """Whether it holds for a device."""
        values = self.field.values(facts)
        match self.operator:
            case Operator.EQUAL | Operator.IN:
                return any(self._comparable(value) in self.operands for value in values)
            case Operator.UNEQUAL:
                differs = (self._comparable(value) not in self.operands for value in values)
                return all(differs) if self.field.kind is FieldKind.TAG else any(differs)
            case Operator.LIKE:
                pattern = _glob(str(self.operands[0]))
                return any(pattern(_text(value)) is not None for value in values)
            case _:
                return any(self._precedes(value) for value in values)

    def _comparable(self, value: Operand) -> Operand:
        return _text(value) if self.field.kind is FieldKind.ATTRIBUTE else value

    def _precedes(self, value: Operand) -> bool:
        """By number or by SemVer; what is of another type comes neither before nor after."""
        operand = self.operands[0]
        if isinstance(operand, Version) and isinstance(value, str):
            found: Operand | None = parsed_version(value)
        else:
            found = value
        # a flag is an int to Python, but not to us
        return type(found) is type(operand) and _COMPARED[self.operator](found, operand)

    def __str__(self) -> str:
        values = ", ".join(quoted(_text(operand)) for operand in self.operands)
        values = f"({values})" if self.operator is Operator.IN else values
        return f"{self.field.name} {self.operator.value} {values}"


@dataclass(frozen=True, slots=True)
class Not:
    """What another condition does not hold for."""

    condition: "Condition"

    def matches(self, facts: DeviceFacts) -> bool:
        """Whether it holds for a device."""
        return not self.condition.matches(facts)

    def __str__(self) -> str:
        inner = str(self.condition)
        return f"not ({inner})" if isinstance(self.condition, And | Or) else f"not {inner}"


@dataclass(frozen=True, slots=True)
class And:
    """Two conditions or more, all of which hold."""

    parts: tuple["Condition", ...]

    def matches(self, facts: DeviceFacts) -> bool:
        """Whether it holds for a device."""
        return all(part.matches(facts) for part in self.parts)

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Two conditions or more, one of which holds at least."""

    parts: tuple["Condition", ...]

    def matches(self, facts: DeviceFacts) -> bool:
        """Whether it holds for a device."""
        return any(part.matches(facts) for part in self.parts)

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Condition: TypeAlias = All | Comparison | Not | And | Or


def _text(value: Operand) -> str:
    """As it is written in a query: true and false as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> "Callable[[str], re.Match[str] | None]":
    """``*``, ``?`` and ``[...]``; each ``*`` takes the least that it can and never tries again."""
    return re.compile(translate(pattern)).fullmatch
