"""Semantic versions (SemVer 2.0.0): what is older than what."""

import re
from dataclasses import dataclass
from functools import total_ordering

_LONGEST = 64
# semver.org's own pattern: no leading zeros, dot-separated identifiers.
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-z-][0-9a-z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-z-][0-9a-z-]*))*))?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A SemVer version, ordered by precedence (section 11).

    Build metadata (``+...``) is refused: two builds that differ only there would be neither older nor
    newer, and a device must be able to tell. Letters are lower case, as the version stands in a path.
    """

    major: int
    minor: int
    patch: int
    pre_release: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version.

        Raises:
            ValueError: ``text`` is not a SemVer version that Ratchet takes.
        """
        match = _SEMVER.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            raise ValueError(
                f"expected a version such as 1.4.2 or 2.0.0-rc.1 (SemVer, lower case, no build "
                f"metadata, at most {_LONGEST} characters), got {text[:80]!r}"
            )
        major, minor, patch, pre = match.groups()
        return cls(int(major), int(minor), int(patch), tuple(pre.split(".")) if pre else ())

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(self.pre_release)}" if self.pre_release else core

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._precedence() < other._precedence()

    def _precedence(self) -> tuple[object, ...]:
        # A pre-release comes before its release; numbers before words (SemVer 11.3, 11.4).
        identifiers = tuple(
            (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in self.pre_release
        )
        return (self.major, self.minor, self.patch, not self.pre_release, identifiers)
