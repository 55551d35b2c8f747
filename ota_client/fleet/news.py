"""What of a device's state the server has not been told: decided by comparing the two, never by events.

A cut may fall between any change of the device and the note of it. The next start finds the same
difference again, and it goes away by the very write that queues the reports: so each state is reported
once, whatever the cut. Nothing here does I/O.
"""

from dataclasses import dataclass, replace
from typing import Final

from ota_client.formats.version import Version
from ota_client.protocol import ReportState
from ota_client.recovery import Phase
from ota_client.report import Status
from ota_client.state import BadRelease

_WAY: Final = (ReportState.DOWNLOADING, ReportState.INSTALLED, ReportState.TRIAL, ReportState.CONFIRMED)
_WAY_BACK: Final = (ReportState.DOWNLOADING, ReportState.INSTALLED, ReportState.FELL_BACK)


@dataclass(frozen=True, slots=True)
class Change:
    """A state that a release has come to."""

    version: Version
    state: ReportState


@dataclass(frozen=True, slots=True)
class Told:
    """What the server has been told, or will be by reports that are queued.

    Attributes:
        confirmed: the release that ran last and was confirmed; None where none was seen yet.
        under_way: the release that is on its way, and how far it has come; None between two.
        bad: the releases that the device fell back from.
    """

    confirmed: Version | None
    under_way: Change | None
    bad: tuple[BadRelease, ...]

    @classmethod
    def beginning(cls, status: Status) -> "Told":
        """Of a device that nothing was told of: what runs and what failed before is no news."""
        on_trial = status.phase is Phase.TRIAL
        return cls(None if on_trial else status.running, None, status.bad_releases)

    def downloading(self, version: Version) -> tuple["Told", tuple[Change, ...]]:
        """A release is about to be written; no news where it was before the last interruption."""
        if self.under_way is not None and self.under_way.version == version:
            return self, ()
        change = Change(version, ReportState.DOWNLOADING)
        return replace(self, under_way=change), (change,)

    def given_up(self, version: Version) -> "Told":
        """The release was refused or has failed: should it come again, it begins anew."""
        ended = self.under_way is not None and self.under_way.version == version
        return replace(self, under_way=None) if ended else self


def news(told: Told, status: Status) -> tuple[Told, tuple[Change, ...]]:
    """Compare what was told with what is.

    Returns:
        What is told with the changes, and the changes in the order in which they came about.
    """
    told, fell_back = _bad_news(told, status)
    match status.phase:
        case Phase.TRIAL:
            told, on_its_way = _come_to(told, Change(status.running, ReportState.TRIAL))
        case Phase.INSTALLED if (waiting := _waiting(status)) is not None:
            told, on_its_way = _come_to(told, Change(waiting, ReportState.INSTALLED))
        case _:
            told, on_its_way = _confirmed(told, status.running)
    return told, fell_back + on_its_way


def _bad_news(told: Told, status: Status) -> tuple[Told, tuple[Change, ...]]:
    changes: tuple[Change, ...] = ()
    for bad in status.bad_releases:
        if bad not in told.bad:
            changes += _steps(told, Change(bad.version, ReportState.FELL_BACK))
            told = told.given_up(bad.version)
    return replace(told, bad=status.bad_releases), changes


def _confirmed(told: Told, running: Version) -> tuple[Told, tuple[Change, ...]]:
    if running == told.confirmed:
        return told, ()
    changes = _steps(told, Change(running, ReportState.CONFIRMED))
    return replace(told.given_up(running), confirmed=running), changes


def _come_to(told: Told, now: Change) -> tuple[Told, tuple[Change, ...]]:
    changes = _steps(told, now)
    return (replace(told, under_way=now), changes) if changes else (told, ())


def _steps(told: Told, now: Change) -> tuple[Change, ...]:
    """The states that the release has passed since the last one told of, up to this one."""
    before = told.under_way
    if before is None or before.version != now.version:
        return (now,)
    way: tuple[ReportState, ...] = _WAY
    if now.state is ReportState.FELL_BACK:
        # whether it came up as far as a trial, nobody has seen
        way = (before.state, now.state) if before.state is ReportState.TRIAL else _WAY_BACK
    first, last = way.index(before.state) + 1, way.index(now.state) + 1
    return tuple(Change(now.version, state) for state in way[first:last])


def _waiting(status: Status) -> Version | None:
    """What starts next."""
    return next((slot.version for slot in status.slots if slot.primary and not slot.booted), None)
