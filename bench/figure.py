"""One measured figure beside what it is compared with, and the table of all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

_COLUMNS = ("figure", "value", "floor or peer", "its value", "ratio", "limit", "held")

_LARGE = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        bench: the bench that measured it.
        unit: of both values.
        peer: what it stands beside, measured in the same run; empty if there is nothing to compare.
        peer_value: of the peer.
        most: the limit of the value, if it has one.
        ratio_most: the limit of value / peer_value, if it has one.
    """

    bench: str
    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    most: float | None = None
    ratio_most: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the peer's."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def held(self) -> bool | None:
        """Whether the limit is kept; None without one."""
        if self.most is not None:
            return self.value <= self.most
        if self.ratio_most is not None and self.ratio is not None:
            return self.ratio <= self.ratio_most
        return None

    def to_json(self) -> dict[str, object]:
        """The figure for ``build/bench.json``."""
        return asdict(self) | {"ratio": self.ratio, "held": self.held}

    def cells(self) -> tuple[str, ...]:
        """The figure as a row of the table."""
        limit = _shown(self.most, self.unit) if self.most is not None else _shown(self.ratio_most, "x")
        return (
            self.name,
            _shown(self.value, self.unit),
            self.peer,
            _shown(self.peer_value, self.unit),
            _shown(self.ratio, "x"),
            limit,
            {True: "yes", False: "NO", None: ""}[self.held],
        )


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "x":
        return f"{value:.2f}"
    digits = 0 if value == int(value) or value >= _LARGE else 2 if value >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()


def text_table(figures: Iterable[Figure]) -> str:
    """The table for a terminal."""
    rows = [_COLUMNS, *_rows(figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def markdown_table(figures: Iterable[Figure]) -> str:
    """The table for docs/reference/figures.md."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *_rows(figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _rows(figures: Iterable[Figure]) -> Iterator[tuple[str, ...]]:
    for figure in figures:
        name, *rest = figure.cells()
        yield (f"{figure.bench}: {name}", *rest)
