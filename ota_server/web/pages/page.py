"""What a page is: a path, who may come, and a function from a visit to an answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode

from ota_server.errors import InvalidError
from ota_server.operations.desk import Desk
from ota_server.operators.session import SignedIn
from ota_server.web.pages.house import House

_FIELDS_MOST: Final = 2_000
_INTEGER_LONGEST: Final = 9


class Fields:
    """The fields of a form, or of a query."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._pairs = pairs

    @classmethod
    def parse(cls, encoded: bytes) -> "Fields":
        """Read what a browser sends; raises InvalidError for what none would."""
        try:
            text = encoded.decode("ascii")
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_MOST, errors="strict")
        except ValueError as e:
            raise InvalidError("expected the fields of a form, got something else") from e
        return cls(pairs)

    def text(self, name: str, default: str = "") -> str:
        """The first value that is not blank, without space around it."""
        return next(
            (value.strip() for key, value in self._pairs if key == name and value.strip()), default
        )

    def verbatim(self, name: str) -> str:
        """The first value as it was sent: a password's spaces are its own."""
        return next((value for key, value in self._pairs if key == name), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """All values, blank ones too: the rows of a table of fields."""
        return tuple(value.strip() for key, value in self._pairs if key == name)

    def flag(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.text(name))

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number.

        Raises:
            InvalidError: it is none, or missing without a default.
        """
        text = self.text(name)
        if not text and default is not None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) <= _INTEGER_LONGEST):
            raise InvalidError(f"{name}: expected a whole number, got {text[:40]!r}")
        return int(text)

    def firsts(self) -> dict[str, str]:
        """The first value of each field, as it was sent."""
        return dict(reversed(self._pairs))

    def encoded(self, **changed: str | None) -> str:
        """The fields as a query, some of them changed or, with None, left out."""
        kept = [(key, value) for key, value in self._pairs if key not in changed and value]
        return urlencode(kept + [(key, value) for key, value in changed.items() if value])


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in.

    Attributes:
        desk: for operations; over a transaction that writes if the page changes something.
        token: of the session.
        path: the variable parts of the path.
    """

    desk: Desk
    me: SignedIn
    token: str
    path: Mapping[str, str]
    query: Fields
    form: Fields
    house: House

    @property
    def product(self) -> str | None:
        """The one that the visitor looks at; None for all."""
        return self.query.text("product") or None

    def number(self, name: str) -> int:
        """A number of the path; one that cannot be one is like one that does not exist."""
        text = self.path[name]
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= _INTEGER_LONGEST else 0


@dataclass(frozen=True, slots=True)
class Guest:
    """One request of somebody who may not be signed in.

    Attributes:
        token: of the session that the cookie claims; empty without one.
        went: what the browser kept when it went to an identity provider; empty without it.
    """

    path: Mapping[str, str]
    query: Fields
    form: Fields
    house: House
    token: str
    went: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the browser is to keep in cookies from now on; empty is to be forgotten, None is left alone.

    Attributes:
        session: a token.
        theme: of the colours.
        went: on the way to an identity provider.
    """

    session: str | None = None
    theme: str | None = None
    went: str | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page to be drawn.

    Attributes:
        template: its name, without the ending.
        values: what it draws.
    """

    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    status: int = 200
    kept: Kept = field(default_factory=Kept)


@dataclass(frozen=True, slots=True)
class Moved:
    """The next page to look at (Post/Redirect/Get).

    Attributes:
        to: a path of ours; an address of the identity provider alone is elsewhere.
    """

    to: str
    kept: Kept = field(default_factory=Kept)


Answer = Drawn | Moved


@dataclass(frozen=True, slots=True)
class Page:
    """One page, one part of a page, or one change.

    Attributes:
        path: with variable parts in braces.
        summary: what it is for, in docs/reference/pages.md.
        is_part: htmx fetches it to renew a part of a page.
    """

    method: str
    path: str
    work: Callable[[Visit], Answer]
    summary: str
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page for everybody; see ``Page``.

    Attributes:
        asks_provider: it waits for an identity provider: counted like a try to sign in (B12).
    """

    method: str
    path: str
    work: Callable[[Guest], Answer]
    summary: str
    asks_provider: bool = False


def done(path: str, what: str) -> Moved:
    """Go to a page that says what was done: a name from ``notices.py``, never a text."""
    return Moved(f"{path}{'&' if '?' in path else '?'}done={what}")
