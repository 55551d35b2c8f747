"""The report queue: one durable record, so that what is told and what is queued change as one (B06)."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from ota_client.disk.record import COPIES, Record
from ota_client.disk.storage import Storage
from ota_client.errors import HttpStatusError, OtaError, StateCorruptError
from ota_client.fleet.news import Change, Told, news
from ota_client.fleet.queue_content import FINAL, QueueContent
from ota_client.formats.version import Version
from ota_client.protocol import Assignment, Report, ReportState
from ota_client.report import Status

_log = logging.getLogger(__name__)

# a body of the device API has at most 64 KiB, and a report may have 3
_BATCH_MOST: Final = 16
_NOT_TAKEN: Final = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})

Sender = Callable[[str, Sequence[Report]], int]
"""Sends reports of a stream; returns the sequence number up to which the server has counted them."""


class ReportQueue:
    """What the server is to be told. The queue is bounded: of what nobody takes, finals stay longest.

    Args:
        storage: the disk.
        state_dir: where the record is.
        new_stream: makes a stream's name, 32 hexadecimal digits that never were before.
    """

    def __init__(self, storage: Storage, state_dir: Path, new_stream: Callable[[], str]) -> None:
        self._storage, self._state_dir, self._new_stream = storage, state_dir, new_stream
        self._record = queue_record(storage, state_dir)

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be sent."""
        content = self._peek()
        return content is None or not content.entries

    def answers(self, assignment: Assignment) -> bool:
        """Whether what became of an assignment still waits to be sent."""
        content = self._peek()
        asked = (assignment.id, assignment.version)
        return content is not None and any(
            (entry.assignment, entry.version) == asked and entry.state in FINAL
            for entry in content.entries
        )

    def note(self, status: Status, now: datetime) -> None:
        """Queue what has changed on the device since the last time, however many cuts ago that was.

        Raises:
            InstallError: the record cannot be written.
        """
        content = self._peek() or self._begin(status)
        told, changes = news(content.told, status)
        self._save(content.with_changes(told, changes, now))

    def assign(self, assignment: Assignment) -> None:
        """From now on, reports about this release answer this assignment."""
        self._save(replace(self._content(), assignment=assignment))

    def downloading(self, version: Version, now: datetime) -> None:
        """Queue that a release is about to be written."""
        content = self._content()
        told, changes = content.told.downloading(version)
        self._save(content.with_changes(told, changes, now))

    def answer(
        self, version: Version, state: ReportState, now: datetime, error: OtaError | None = None
    ) -> None:
        """Queue what became of a release that changed nothing on the device."""
        content = self._content()
        told = content.told.given_up(version)
        code, detail = (error.code, _line(str(error))) if error else ("", "")
        change = Change(version, state)
        self._save(content.with_changes(told, [change], now, code=code, detail=detail))

    def send(self, sender: Sender) -> None:
        """Send what waits, in order; what the server has counted is removed.

        Raises:
            FetchError: the server cannot be reached; all is kept.
            NotAuthorisedError: the server does not take it.
            InstallError: the record cannot be written.
        """
        content, most = self._peek(), _BATCH_MOST
        while content is not None and content.entries:
            batch = content.entries[:most]
            try:
                accepted = sender(content.stream, batch)
            except HttpStatusError as e:
                if e.status not in _NOT_TAKEN:
                    raise
                # one report that this server cannot read must not hold up all others for ever
                if len(batch) > 1:
                    most = 1
                    continue
                _log.error("a report is dropped: %s", e)
                accepted = batch[0].sequence
            if accepted < batch[0].sequence:
                _log.warning("the server counted no report: expected %d", batch[-1].sequence)
                return
            content = content.accepted(min(accepted, batch[-1].sequence))
            self._save(content)

    def _peek(self) -> QueueContent | None:
        return read_queue(self._record)

    def _content(self) -> QueueContent:
        content = self._peek()
        if content is None:
            raise StateCorruptError(f"{self._record.path}: expected the report queue, got none")
        return content

    def _save(self, content: QueueContent) -> None:
        self._record.write(content.to_bytes())

    def _begin(self, status: Status) -> QueueContent:
        """A queue for a device that has none, or whose queue is damaged (D11).

        What the damaged one had not sent is lost; the server still holds the assignment, and asks for it
        again at the next check-in.
        """
        path = self._record.path
        if self._record.exists():
            _log.error("%s is damaged: reports begin a new stream", path)
            for copy in (f"{path}.{name}" for name in COPIES):
                if self._storage.exists(copy):
                    self._storage.remove(copy)
            self._storage.sync_name(path)
            self._record = queue_record(self._storage, self._state_dir)
        return QueueContent(self._new_stream(), 1, Told.beginning(status))


def read_queue(record: Record) -> QueueContent | None:
    """A queue as it is; None where there is none yet, or none that can be read.

    Raises:
        StorageError: the disk does not let itself be read.
    """
    try:
        data = record.read()
        return None if data is None else QueueContent.from_bytes(data)
    except StateCorruptError:
        return None


def queue_record(storage: Storage, state_dir: Path) -> Record:
    """Where a device keeps its queue."""
    return Record(storage, str(state_dir / "reports"))


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
