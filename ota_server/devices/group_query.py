"""Group queries: which devices are in a group (docs/reference/group-queries.md).

hardware_id = cam-v2 and version < 1.4.0 and (tag = beta or attribute.region in (eu, us))
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ota_server.devices.query_conditions import All, And, Comparison, Condition, Not, Or
from ota_server.devices.query_fields import (
    FIELDS_KNOWN,
    DeviceFacts,
    Field,
    FieldKind,
    Operand,
    Operator,
)
from ota_server.devices.query_tokens import QUERY_LONGEST, Token, TokenKind, tokens
from ota_server.errors import InvalidError

__all__ = ["DeviceFacts", "Query", "parse"]

_NESTING_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read. ``str(query)`` is its one canonical form, and reads as the same query.

    Attributes:
        asks_attributes: whether the device's inventory is needed to answer it.
    """

    condition: Condition
    asks_attributes: bool

    def matches(self, facts: DeviceFacts) -> bool:
        """Whether a device in this state is in the group."""
        return self.condition.matches(facts)

    def __str__(self) -> str:
        return str(self.condition)


@lru_cache(maxsize=1024)
def parse(text: str) -> Query:
    """Read a query.

    Raises:
        InvalidError: it is none; the sentence has the column and what was expected there.
    """
    query = _Parser(tokens(text)).query()
    if len(str(query)) > QUERY_LONGEST:
        raise InvalidError(
            f"group query: expected at most {QUERY_LONGEST} characters, got {len(str(query))} with one "
            "blank around each word"
        )
    return query


class _Parser:
    """Recursive descent: ``or`` of ``and`` of ``not``, parentheses and comparisons."""

    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._position = 0
        self._depth = 0
        self._asks_attributes = False

    def query(self) -> Query:
        condition = self._either()
        if self._next.kind is not TokenKind.END:
            self._next.refuse("'and', 'or' or the end")
        return Query(condition, self._asks_attributes)

    @property
    def _next(self) -> Token:
        return self._words[self._position]

    def _take(self) -> Token:
        token = self._next
        self._position += token.kind is not TokenKind.END
        return token

    def _either(self) -> Condition:
        parts = self._joined("or", self._both)
        return parts[0] if len(parts) == 1 else Or(_flat(parts, Or))

    def _both(self) -> Condition:
        parts = self._joined("and", self._single)
        return parts[0] if len(parts) == 1 else And(_flat(parts, And))

    def _joined(self, word: str, part: Callable[[], Condition]) -> list[Condition]:
        parts = [part()]
        while self._next.is_word(word):
            self._take()
            parts.append(part())
        return parts

    def _single(self) -> Condition:
        token = self._take()
        if token.is_word("not"):
            with self._deeper(token):
                return Not(self._single())
        if token.is_sign("("):
            with self._deeper(token):
                condition = self._either()
            self._sign(")")
            return condition
        return All() if token.is_word("all") else self._comparison(token)

    @contextmanager
    def _deeper(self, token: Token) -> Iterator[None]:
        self._depth += 1
        if self._depth > _NESTING_MOST:
            token.refuse(f"at most {_NESTING_MOST} levels of parentheses and 'not'")
        yield
        self._depth -= 1

    def _comparison(self, token: Token) -> Comparison:
        field = Field.named(token.text) if token.kind is TokenKind.WORD else None
        if field is None:
            token.refuse(f"a field ({FIELDS_KNOWN}), 'all', 'not' or '('")
        self._asks_attributes |= field.kind is FieldKind.ATTRIBUTE
        operator = self._operator(field)
        if operator is not Operator.IN:
            return Comparison(field, operator, (self._operand(field, operator),))
        return Comparison(field, operator, tuple(self._list(field)))

    def _operator(self, field: Field) -> Operator:
        token = self._take()
        known = field.kind.operators
        operator = next((one for one in known if token.is_sign(one) or token.is_word(one)), None)
        if operator is None:
            token.refuse(f"behind {field.name} one of {' '.join(known)}")
        return operator

    def _list(self, field: Field) -> Iterator[Operand]:
        self._sign("(")
        yield self._operand(field, Operator.IN)
        while self._next.is_sign(","):
            self._take()
            yield self._operand(field, Operator.IN)
        self._sign(")")

    def _operand(self, field: Field, operator: Operator) -> Operand:
        token = self._take()
        if token.kind not in {TokenKind.WORD, TokenKind.TEXT} or token.is_reserved:
            token.refuse(f"behind '{field.name} {operator.value}' a value (a reserved word in quotes)")
        try:
            return field.operand(operator, token.text)
        except ValueError as e:
            expected = str(e).removeprefix("expected ").partition(", got ")[0]
            token.refuse(f"behind '{field.name} {operator.value}' {expected}")

    def _sign(self, sign: str) -> None:
        token = self._take()
        if not token.is_sign(sign):
            token.refuse(f"'{sign}'")


def _flat(parts: list[Condition], kind: type[And | Or]) -> tuple[Condition, ...]:
    """``a and (b and c)`` is ``a and b and c``."""
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return tuple(flat)
