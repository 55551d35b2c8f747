"""What the report queue keeps, and how it is written: reports, what they tell, the assignment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from ota_client.disk.record import MAX_BYTES
from ota_client.errors import StateCorruptError
from ota_client.fleet.news import Change, Told
from ota_client.formats.strict import Fields, canonical_json, parse_canonical_json
from ota_client.formats.version import Version
from ota_client.protocol import CODE_LONGEST, DETAIL_LONGEST, Assignment, Report, ReportState
from ota_client.state import BAD_RELEASES_MOST, BadRelease

FORMAT: Final = "ratchet-reports/1"
ENTRIES_MOST: Final = 64
_STREAM_LONGEST: Final = 64
# what makes room first when nobody has taken a report for long
_WEIGHTS: Final = {
    ReportState.FAILED: 1,
    ReportState.REFUSED: 1,
    ReportState.CONFIRMED: 2,
    ReportState.FELL_BACK: 2,
}
FINAL: Final = frozenset(_WEIGHTS)
"""After these, nothing more comes of a release by itself."""


@dataclass(frozen=True, slots=True)
class QueueContent:
    """One queue.

    Attributes:
        stream: tells this queue's sequence numbers from those of the one before.
        next: the next report's sequence number.
        told: what the server knows, once it has all entries.
        assignment: the last one; reports about its release name it.
        entries: not yet counted by the server, oldest first.
    """

    stream: str
    next: int
    told: Told
    assignment: Assignment | None = None
    entries: tuple[Report, ...] = ()

    def with_changes(
        self, told: Told, changes: Sequence[Change], now: datetime, *, code: str = "", detail: str = ""
    ) -> Self:
        """The queue after these changes."""
        content = replace(self, told=told)
        for change in changes:
            about_it = self.assignment is not None and self.assignment.version == change.version
            number = self.assignment.id if self.assignment and about_it else None
            report = Report(content.next, now, change.state, change.version, number, code, detail)
            entries = _shortened((*content.entries, report))
            content = replace(content, next=content.next + 1, entries=entries)
        return content

    def accepted(self, sequence: int) -> Self:
        """The queue after the server has counted up to ``sequence``."""
        return replace(self, entries=tuple(e for e in self.entries if e.sequence > sequence))

    def to_bytes(self) -> bytes:
        """Write it as canonical JSON."""
        value: dict[str, object] = {
            "format": FORMAT,
            "stream": self.stream,
            "next": self.next,
            "told": _told_fields(self.told),
            "entries": [entry.to_fields() for entry in self.entries],
        }
        if self.assignment is not None:
            value["assignment"] = self.assignment.to_fields()
        return canonical_json(value)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what ``to_bytes`` wrote.

        Raises:
            StateCorruptError: it is anything else.
        """
        what = "report queue"
        value = parse_canonical_json(data, max_bytes=MAX_BYTES, what=what, error=StateCorruptError)
        fields = Fields(value, what, StateCorruptError)
        if (form := fields.text("format")) != FORMAT:
            fields.fail("format", FORMAT, form)
        content = cls(
            stream=fields.text("stream", longest=_STREAM_LONGEST),
            next=fields.integer("next", lowest=1),
            told=_told(fields.table("told")),
            assignment=fields.given(
                "assignment", lambda name: Assignment.read(fields.table(name)), None
            ),
            entries=tuple(map(_report, fields.tables("entries", most=ENTRIES_MOST))),
        )
        fields.finish()
        return content


def _shortened(entries: tuple[Report, ...]) -> tuple[Report, ...]:
    if len(entries) <= ENTRIES_MOST:
        return entries
    least = min(entries, key=lambda entry: (_WEIGHTS.get(entry.state, 0), entry.sequence))
    return tuple(entry for entry in entries if entry is not least)


def _told_fields(told: Told) -> dict[str, object]:
    fields: dict[str, object] = {
        "bad": [{"version": str(bad.version), "sha256": bad.sha256} for bad in told.bad]
    }
    if told.confirmed is not None:
        fields["confirmed"] = str(told.confirmed)
    if told.under_way is not None:
        change = told.under_way
        fields["under_way"] = {"version": str(change.version), "state": change.state.value}
    return fields


def _told(table: Fields) -> Told:
    told = Told(
        confirmed=table.given("confirmed", lambda name: table.parsed(name, Version.parse), None),
        under_way=table.given("under_way", lambda name: _change(table.table(name)), None),
        bad=tuple(map(_bad, table.tables("bad", most=BAD_RELEASES_MOST))),
    )
    table.finish()
    return told


def _change(table: Fields) -> Change:
    change = Change(table.parsed("version", Version.parse), table.parsed("state", ReportState))
    table.finish()
    return change


def _bad(table: Fields) -> BadRelease:
    bad = BadRelease(table.parsed("version", Version.parse), table.text("sha256"))
    table.finish()
    return bad


def _report(table: Fields) -> Report:
    report = Report(
        sequence=table.integer("sequence", lowest=1),
        at=table.time("at"),
        state=table.parsed("state", ReportState),
        version=table.parsed("version", Version.parse),
        assignment=table.given("assignment", table.integer, None),
        code=table.text("code", longest=CODE_LONGEST),
        detail=table.text("detail", longest=DETAIL_LONGEST),
    )
    table.finish()
    return report
