"""At how many points the power is cut, for each boot control; `make system` starts a device after each.

Beside them stand the operations on the disk between which they lie. The machine in QEMU that is killed
adds its own, where `make system-vm` has run in this checkout.
"""

import json
import logging
from pathlib import Path
from typing import Final

from support.boot_loaders.models import MODELS
from support.episodes import STORIES, record

from bench.figure import Figure
from bench.process import ROOT
from ota_client.testing import every_cut

_STORY: Final = "whole cycle"
_OPERATIONS: Final = "operations on the disk"
_MACHINE: Final = ROOT / "build/vm/summary.json"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Count the points; ``quick`` takes two boot controls."""
    # the stories fall back on purpose
    logging.getLogger("ota_client").setLevel(logging.CRITICAL)
    figures = [_points(model, _STORY, folder / model) for model in list(MODELS)[: 2 if quick else None]]
    if not quick:
        others = [
            _points("file", story, folder / f"story-{number}")
            for number, story in enumerate(STORIES)
            if story != _STORY
        ]
        figures += others
    return [*figures, _sum(figures), *_machine()]


def _points(model: str, story: str, folder: Path) -> Figure:
    folder.mkdir(parents=True)
    episode = record(story, folder, model)
    operations = episode.storage.operations
    points = sum(1 for _ in every_cut(operations, whole_sectors=episode.model.whole_sectors))
    name = f"cut points, {model}, {story}"
    return Figure("power", name, points, "", _OPERATIONS, len(operations))


def _sum(figures: list[Figure]) -> Figure:
    points, operations = (
        sum(figure.value for figure in figures),
        sum(figure.peer_value or 0 for figure in figures),
    )
    return Figure("power", "cut points in all", points, "", _OPERATIONS, operations)


def _machine() -> list[Figure]:
    if not _MACHINE.exists():
        return []
    found = json.loads(_MACHINE.read_text())
    boots = "boots of the machine"
    return [
        Figure("power", f"{name} of a real machine", found[name], "", boots, found["boots"])
        for name in ("kills", "prefixes", "replayed")
    ]
