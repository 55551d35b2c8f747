"""How far long work is: a line on the terminal, or with ``--progress`` a line for each tenth."""

import sys
from collections.abc import Callable

import click

_DONE_PERCENT = 100


def meter(what: str, unit: str, *, always: bool) -> Callable[[int, int], None] | None:
    """A meter that is called with what is done and what there is in all; none if nobody watches."""
    on_terminal = sys.stderr.isatty()
    if not (on_terminal or always):
        return None
    shown = -1

    def show(done: int, total: int) -> None:
        nonlocal shown
        percent = _DONE_PERCENT * done // max(total, 1)
        step = percent if on_terminal else percent // 10
        if step == shown:
            return
        shown = step
        text = f"{what}: {percent} % of {total} {unit}"
        last = percent == _DONE_PERCENT
        click.echo(f"\r{text}" if on_terminal else text, err=True, nl=not on_terminal or last)

    return show
