"""How far an installation is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The long steps of an installation."""

    DOWNLOADING = "downloading"
    VERIFYING = "verifying"


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of the images that are written, or read back, so far."""

    stage: Stage
    done_bytes: int
    total_bytes: int


ProgressCallback = Callable[[Progress], None]


class ProgressCounter:
    """Adds up the bytes of one stage and tells them."""

    def __init__(self, progress: ProgressCallback, stage: Stage, total_bytes: int) -> None:
        self._progress, self._stage, self._total_bytes = progress, stage, total_bytes
        self.done_bytes = 0

    def __call__(self, more_bytes: int) -> None:
        """Count ``more_bytes``."""
        self.done_bytes += more_bytes
        self._progress(Progress(self._stage, self.done_bytes, self._total_bytes))


def no_progress(_: Progress) -> None:
    """Tell nobody."""
