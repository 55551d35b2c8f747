"""Long lists, page by page."""

from typing import TYPE_CHECKING, TypeVar

import click

from ota_client.formats.counted import counted
from ota_server.cli.console import Console
from ota_server.cli.group import Command
from ota_server.cli.options import LIMIT

if TYPE_CHECKING:
    from ota_server.page import Page

T = TypeVar("T")


def page_options(command: Command) -> Command:
    """Add ``--after`` and ``--limit``."""
    limit = click.option("--limit", type=LIMIT, default=100, show_default=True, help="So many at most.")
    after = click.option("--after", help="What comes behind this: the next page.")
    return after(limit(command))


def show_page(console: Console, name: str, page: "Page[T]", text: str) -> None:
    """Show a page, and say how to see the next one."""
    if page.items or console.as_json:
        total = {"total": page.total, "total_is_exact": page.total_is_exact}
        console.show(text, {name: page.items, **total, "next_after": page.next_after})
    if not console.as_json:
        noun = f"{name.removesuffix('ies')}y" if name.endswith("ies") else name.removesuffix("s")
        of = counted(page.total, noun) if page.total_is_exact else f"more than {page.total} {name}"
        click.echo(f"{len(page.items)} of {of}", err=True)
        if page.next_after is not None:
            click.echo(f"more: --after {page.next_after}", err=True)
