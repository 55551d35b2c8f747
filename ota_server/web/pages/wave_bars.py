"""A rollout's waves as bars: what each device of a wave is at, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ota_client.formats.counted import counted
from ota_server.rollouts.counts import WaveCounts
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.states import OPEN_ROLLOUTS
from ota_server.web.pages.charts import Segment, bar

_CAPTION_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar, in words too: a meaning is never a colour alone."""

    word: str
    css: str
    devices: int


@dataclass(frozen=True, slots=True)
class WaveBar:
    """One wave, or all together.

    Attributes:
        caption: whom it takes.
        said: the parts as one sentence, for screen readers.
    """

    number: int
    caption: str
    members: int
    parts: tuple[Part, ...]
    segments: tuple[Segment, ...]
    said: str
    is_open: bool
    done_percent: int


def wave_bars(rollout: Rollout) -> tuple[WaveBar, ...]:
    """Each wave of a rollout."""
    return tuple(
        _bar([wave], wave.number, _caption(plan.takes), is_open=wave.opened_at is not None)
        for wave, plan in zip(rollout.waves, rollout.plan.waves, strict=False)
    )


def whole_bar(rollout: Rollout) -> WaveBar:
    """All waves together."""
    return _bar(
        rollout.waves, rollout.wave, counted(len(rollout.waves), "wave"), is_open=rollout.wave > 0
    )


def is_live(rollout: Rollout) -> bool:
    """Whether its bars may still move."""
    return rollout.state in OPEN_ROLLOUTS


def _bar(waves: Sequence[WaveCounts], number: int, caption: str, *, is_open: bool) -> WaveBar:
    parts = _parts(waves)
    members = sum(part.devices for part in parts)
    shown = tuple(part for part in parts if part.devices)
    said = ", ".join(f"{part.devices} {part.word}" for part in shown) or "no devices"
    segments = bar([(part.css, part.devices) for part in parts], members)
    done = sum(wave.succeeded for wave in waves)
    takers = sum(wave.takers for wave in waves)
    percent = 100 * done // takers if takers else 0
    return WaveBar(number, caption, members, shown, segments, said, is_open, percent)


def _parts(waves: Sequence[WaveCounts]) -> tuple[Part, ...]:
    def total(name: str) -> int:
        return sum(int(getattr(wave, name)) for wave in waves)

    return (
        Part("run it", "f-good", total("succeeded")),
        Part("fell back", "f-fell", total("fell_back")),
        Part("failed", "f-bad", total("failed")),
        Part("updating", "f-flight", total("assigned")),
        Part("refused", "f-off", total("refused")),
        Part("silent", "f-off", total("silent")),
        Part("withdrawn", "f-off", total("withdrawn")),
        Part("pending", "f-none", total("pending")),
    )


def _caption(takes: str) -> str:
    return takes if len(takes) <= _CAPTION_LONGEST else takes[:_CAPTION_LONGEST] + "…"
