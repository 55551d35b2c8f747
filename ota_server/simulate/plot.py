"""The fleet over time, drawn as SVG: how a rollout went through it, wave by wave."""

from collections.abc import Sequence
from typing import Final

from ota_server.simulate.tally import Sample, Standing

_WIDTH: Final = 860
_HEIGHT: Final = 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 164, 36, 44
_TICKS: Final = 5
_POINTS_MOST: Final = 400

# bottom up; colours that people with colour blindness tell apart (Okabe and Ito), on light and dark
_COLOURS: Final = {
    Standing.UPDATED: "#009e73",
    Standing.UPDATING: "#56b4e9",
    Standing.FELL_BACK: "#d55e00",
    Standing.FAILED: "#cc79a7",
    Standing.REFUSED: "#e69f00",
    Standing.OFFLINE: "#7f7f7f",
    Standing.TURNED_AWAY: "#4d4d4d",
    Standing.WAITING: "#b8c4d6",
    Standing.ENROLLING: "#e4e9f1",
}
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#1d2430}.grid{stroke:#1d2430;stroke-opacity:.18}"
    ".title{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e8ecf2}.grid{stroke:#e8ecf2}}"
)


def draw(samples: Sequence[Sample], title: str) -> str:
    """Draw the fleet: how many devices stand where, over time. Returns an SVG document."""
    samples = samples[:: max(1, len(samples) // _POINTS_MOST)]
    most_s = max((sample.at_s for sample in samples), default=0.0) or 1.0
    most = max((sum(sample.devices.values()) for sample in samples), default=0) or 1
    shown = [s for s in _COLOURS if any(sample.devices.get(s) for sample in samples)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{_escaped(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFT}" y="20">{_escaped(title)}</text>',
        *_areas(samples, shown, most_s, most),
        *_axes(most_s, most),
        *_legend(shown, samples),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _areas(samples: Sequence[Sample], shown: list[Standing], most_s: float, most: int) -> list[str]:
    """One area a standing, each on top of those before it."""
    below = [0] * len(samples)
    areas = []
    for standing in shown:
        above = [low + s.devices.get(standing, 0) for low, s in zip(below, samples, strict=True)]
        edge = [(s.at_s, high) for s, high in zip(samples, above, strict=True)]
        base = [(s.at_s, low) for s, low in zip(samples, below, strict=True)]
        points = " ".join(_point(*point, most_s, most) for point in [*edge, *reversed(base)])
        areas.append(f'<polygon fill="{_COLOURS[standing]}" points="{points}"/>')
        below = above
    return areas


def _point(at_s: float, devices: float, most_s: float, most: int) -> str:
    x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * at_s / most_s
    y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * devices / most
    return f"{x:.1f},{y:.1f}"


def _axes(most_s: float, most: int) -> list[str]:
    lines = []
    for tick in range(_TICKS + 1):
        share = tick / _TICKS
        x, y = _point(most_s * share, most * share, most_s, most).split(",")
        right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        level = float(y) + 4
        lines += [
            f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>',
            f'<text x="{_LEFT - 8}" y="{level:.1f}" text-anchor="end">{_number(most * share)}</text>',
            f'<text x="{x}" y="{bottom + 20}" text-anchor="middle">{_number(most_s * share)} s</text>',
        ]
    return lines


def _legend(shown: list[Standing], samples: Sequence[Sample]) -> list[str]:
    lines = []
    for row, standing in enumerate(reversed(shown)):
        x, y = _WIDTH - _RIGHT + 16, _TOP + 8 + 22 * row
        count, name = samples[-1].devices.get(standing, 0), standing.value.replace("_", " ")
        lines += [
            f'<rect x="{x}" y="{y}" width="12" height="12" rx="2" fill="{_COLOURS[standing]}"/>',
            f'<text x="{x + 18}" y="{y + 11}">{name}: {count:,}</text>',
        ]
    return lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= _TICKS * _TICKS else f"{value:.1f}".removesuffix(".0")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
