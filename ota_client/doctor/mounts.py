"""What is mounted where, from /proc/self/mountinfo (proc_pid_mountinfo(5))."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_FIELDS_LEAST: Final = 10


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount.

    Attributes:
        device: ``major:minor``.
        options: of the mount and of the file system.
    """

    device: str
    point: PurePath
    file_system: str
    options: frozenset[str]

    @property
    def writable(self) -> bool:
        """Whether files in it can be written."""
        return "ro" not in self.options


def read_mounts(proc: Path) -> tuple[Mount, ...]:
    """All mounts, the later ones over the earlier ones.

    Raises:
        OSError: they cannot be read.
    """
    lines = (proc / "self" / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    rows = (line.split(" ") for line in lines)
    return tuple(_mount(row) for row in rows if len(row) >= _FIELDS_LEAST and "-" in row)


def mount_of(path: Path, mounts: tuple[Mount, ...]) -> Mount | None:
    """The mount that ``path`` lies on."""
    holding = [(len(m.point.parts), n) for n, m in enumerate(mounts) if path.is_relative_to(m.point)]
    return mounts[max(holding)[1]] if holding else None


def _mount(row: list[str]) -> Mount:
    kind, _, options = row[row.index("-") + 1 :][:3]
    point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), row[4])
    return Mount(row[2], PurePath(point), kind, frozenset([*row[5].split(","), *options.split(",")]))
