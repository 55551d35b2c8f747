"""How far long work is: a line on the terminal, or with ``--progress`` a line for each tenth."""

import sys
from collections.abc import Callable

import click

_MEBIBYTE = 1024 * 1024


def progress_meter(what: str, *, always: bool) -> Callable[[int, int], None] | None:
    """A meter that is called with the bytes done and the bytes in all; none if nobody watches."""
    on_terminal = sys.stderr.isatty()
    if not (on_terminal or always):
        return None
    shown = -1

    def show(done_bytes: int, total_bytes: int) -> None:
        nonlocal shown
        percent = 100 * done_bytes // max(total_bytes, 1)
        step = percent if on_terminal else percent // 10
        if step == shown:
            return
        shown = step
        text = f"{what}: {percent} % of {total_bytes / _MEBIBYTE:.1f} MiB"
        click.echo(f"\r{text}" if on_terminal else text, err=True, nl=not on_terminal or percent == 100)  # noqa: PLR2004

    return show
