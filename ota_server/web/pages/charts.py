"""Charts as SVG: geometry is computed here, templates draw it; a table says the same to screen readers.

No attribute ``style`` is used: the Content-Security-Policy forbids it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

# the drawing is stretched to its place; labels stand beside it
WIDTH: Final = 1000
HEIGHT: Final = 200
_BAR_WIDTH: Final = 1000
_SHADES: Final = 6
_LABELS: Final = 5
OTHERS: Final = "older"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar, in thousandths of its width.

    Attributes:
        css: its colour's class.
    """

    x: float
    width: float
    css: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One version of a stacked chart.

    Attributes:
        path: of SVG.
        last: its number of devices at the end.
    """

    name: str
    css: str
    path: str
    last: int


@dataclass(frozen=True, slots=True)
class StackedChart:
    """Layers over time, the lowest first.

    Attributes:
        days: labels at equal distances, from the first day to the last.
        levels: labels from top to bottom.
        lines: at their heights.
        rows: the same as a table: a day, and the number of each layer.
    """

    layers: tuple[Layer, ...]
    days: tuple[str, ...]
    levels: tuple[str, ...]
    lines: tuple[float, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    width: int = WIDTH
    height: int = HEIGHT


def bar(parts: Sequence[tuple[str, int]], whole: int) -> tuple[Segment, ...]:
    """A bar of parts of a whole, side by side: pairs of a class and a number."""
    segments, x = [], 0.0
    for css, part in parts:
        width = _BAR_WIDTH * part / whole if whole else 0.0
        if width > 0:
            segments.append(Segment(round(x, 1), round(width, 1), css))
        x += width
    return tuple(segments)


def stacked(
    history: Mapping[datetime, Mapping[str, int]],
    names: Sequence[str],
    shades: Mapping[str, str] | None = None,
) -> StackedChart | None:
    """A stacked area chart.

    Args:
        history: numbers by name, by day.
        names: the layers, the most important first: it gets the strongest colour, and lies lowest.
        shades: classes by name, in place of shades by order.

    Returns:
        None if there is nothing to see: fewer than two days, or no devices.
    """
    days = sorted(history)
    names, numbers = _gathered(history, days, names)
    top = max((sum(row) for row in numbers), default=0)
    if len(days) < 2 or not top:  # noqa: PLR2004 - a line has two ends
        return None
    top = _ceiling(top)
    scale = _Scale(days[0].timestamp(), days[-1].timestamp(), top)
    xs = [scale.x(day.timestamp()) for day in days]
    layers, base = [], [0] * len(days)
    for index, name in enumerate(names):
        upper = [low + row[index] for low, row in zip(base, numbers, strict=True)]
        css = (shades or {}).get(name, f"v{min(index, _SHADES - 1)}")
        layers.append(Layer(name, css, scale.area(xs, base, upper), numbers[-1][index]))
        base = upper
    rows = tuple((f"{day:%Y-%m-%d}", tuple(row)) for day, row in zip(days, numbers, strict=True))
    levels = (top, top / 2, 0)
    return StackedChart(
        tuple(layers),
        _days(days),
        tuple(f"{level:g}" for level in levels),
        tuple(map(scale.y, levels)),
        rows,
    )


def _gathered(
    history: Mapping[datetime, Mapping[str, int]], days: Sequence[datetime], names: Sequence[str]
) -> tuple[list[str], list[list[int]]]:
    """The layers and their numbers by day; what has no shade of its own is gathered in the last."""
    shown, rest = list(names), []
    if len(shown) > _SHADES:
        shown, rest = [*shown[: _SHADES - 1], OTHERS], shown[_SHADES - 1 :]
    numbers = []
    for day in days:
        row = [history[day].get(name, 0) for name in shown]
        if rest:
            row[-1] = sum(history[day].get(name, 0) for name in rest)
        numbers.append(row)
    return shown, numbers


@dataclass(frozen=True, slots=True)
class _Scale:
    first: float
    last: float
    top: int

    def x(self, seconds: float) -> float:
        return round((seconds - self.first) / (self.last - self.first) * WIDTH, 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - value / self.top * HEIGHT, 1)

    def area(self, xs: Sequence[float], lower: Sequence[int], upper: Sequence[int]) -> str:
        there = [f"{x} {self.y(value)}" for x, value in zip(xs, upper, strict=True)]
        back = [f"{x} {self.y(value)}" for x, value in zip(xs, lower, strict=True)]
        return "M" + "L".join(there + back[::-1]) + "Z"


def _ceiling(top: int) -> int:
    """The next round number: two digits at most, and zeros."""
    power = 1
    while True:
        for step in (10, 12, 15, 20, 25, 30, 40, 50, 60, 80):
            if step * power >= 10 * top:
                return -(-step * power // 10)
        power *= 10


def _days(days: Sequence[datetime]) -> tuple[str, ...]:
    first, last = days[0], days[-1]
    steps = min(_LABELS, len(days)) - 1
    return tuple(f"{first + (last - first) * step / steps:%d %b}" for step in range(steps + 1))
