"""The words of a group query, each with its column (docs/reference/group-queries.md)."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn

from ota_server.errors import InvalidError

QUERY_LONGEST: Final = 2000
RESERVED: Final = frozenset({"and", "or", "not", "in", "all"})

_WORD = r"[\w.*?:/@+-]+"
_TOKEN: Final = re.compile(
    rf"""(?P<BLANK>[ \t\r\n]+)
    |(?P<WORD>{_WORD})
    |(?P<TEXT>"(?:[^"\\]|\\["\\])*")
    |(?P<SIGN>!=|<=|>=|[=<>~(),])""",
    re.ASCII | re.VERBOSE,
)
_PLAIN: Final = re.compile(_WORD, re.ASCII)


class TokenKind(Enum):
    """What kind of word it is."""

    WORD = "a word"
    # between quotes; never reserved
    TEXT = "a quoted text"
    SIGN = "a sign"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word.

    Attributes:
        text: a quoted text without its quotes.
        column: of its first character, from 1.
    """

    kind: TokenKind
    text: str
    column: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words, unquoted."""
        return self.kind is TokenKind.WORD and self.text in words

    def is_sign(self, *signs: str) -> bool:
        """Whether it is one of these signs."""
        return self.kind is TokenKind.SIGN and self.text in signs

    @property
    def is_reserved(self) -> bool:
        """Whether it joins conditions, unless it is quoted."""
        return self.kind is TokenKind.WORD and self.text in RESERVED

    def refuse(self, expected: str) -> NoReturn:
        """Say in one sentence what stood here in place of what was expected.

        Raises:
            InvalidError: always.
        """
        got = "the end" if self.kind is TokenKind.END else repr(self.text[:40])
        raise InvalidError(f"group query, column {self.column}: expected {expected}, got {got}")


def tokens(text: str) -> list[Token]:
    """Take a query apart; the last token is the end.

    Raises:
        InvalidError: it is too long, or a character belongs to no word.
    """
    if len(text) > QUERY_LONGEST:
        raise InvalidError(
            f"group query: expected at most {QUERY_LONGEST} characters, got {len(text)}; a tag on the "
            "devices says the same in one word"
        )
    found, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            _refuse_character(text, position)
        kind = match.lastgroup or ""
        if kind in TokenKind.__members__:
            found.append(Token(TokenKind[kind], _content(match, kind), position + 1))
        position = match.end()
    return [*found, Token(TokenKind.END, "", len(text) + 1)]


def quoted(text: str) -> str:
    """Write a text so that it is read as itself."""
    if _PLAIN.fullmatch(text) and text not in RESERVED:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _content(match: "re.Match[str]", kind: str) -> str:
    text = match[0]
    if kind != TokenKind.TEXT.name:
        return text
    content = re.sub(r"\\(.)", r"\1", text[1:-1])
    if not content.isprintable():
        raise InvalidError(
            f"group query, column {match.start() + 1}: expected a text of printable characters, got "
            f"{content[:40]!r}"
        )
    return content


def _refuse_character(text: str, position: int) -> NoReturn:
    expected = "a word, a sign or a quoted text"
    if text[position] == '"':
        expected = (
            "a text that ends in a quote and has a backslash before each quote and backslash in it"
        )
    Token(TokenKind.WORD, text[position], position + 1).refuse(expected)
