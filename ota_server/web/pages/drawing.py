"""Templates become pages; whatever comes from a device or a person is escaped (autoescape)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ota_server.operators.actor import Role
from ota_server.operators.session import SignedIn
from ota_server.web.pages import words
from ota_server.web.pages.charts import bar
from ota_server.web.pages.notices import NOTICES
from ota_server.web.pages.static_files import path_of

_FOLDER: Final = Path(__file__).parent / "templates"
THEMES: Final = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around each page.

    Attributes:
        me: None for a guest.
        products: those that the visitor sees.
        product: the one that is looked at; empty for all.
        query: of the address, without a notice of what was done.
        done: the name of a notice.
    """

    me: SignedIn | None
    products: tuple[str, ...]
    product: str
    path: str
    query: str
    theme: str
    done: str
    now: datetime

    def may(self, role: str, product: str) -> bool:
        """Whether the visitor may do with a product what needs a role."""
        return self.me is not None and self.me.actor.may(Role(role), product)

    def may_somewhere(self, role: str) -> bool:
        """Whether the visitor may it with any product."""
        wanted = Role(role)
        return self.me is not None and any(held.covers(wanted) for held in self.me.actor.grants.values())

    def may_everywhere(self, role: str) -> bool:
        """Whether the visitor may it with all products."""
        return self.me is not None and self.me.actor.may_everywhere(Role(role))

    def is_under(self, *paths: str) -> bool:
        """Whether the page is one of these, or of something below one."""
        return any(self.path == one or (one != "/" and self.path.startswith(f"{one}/")) for one in paths)

    def to(self, path: str) -> str:
        """A path of ours that keeps the product that is looked at."""
        if not self.product:
            return path
        return f"{path}{'&' if '?' in path else '?'}product={self.product}"


def draw(template: str, values: Mapping[str, object], frame: Frame) -> str:
    """Draw a page, or a part of one."""
    found = _environment().get_template(f"{template}.html")
    return found.render(values, frame=frame, now=frame.now, notice=NOTICES.get(frame.done))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "ago": words.ago,
        "counted": words.counted,
        "moment": words.moment,
        "number": words.number,
        "reason": words.reason,
        "size": words.size,
        "source": words.source,
        "span": words.span,
    }
    environment.globals |= {"bar": bar, "meaning": words.meaning, "static": path_of}
    return environment
