"""Devices' reports: each is counted once (B06).

Every queue of a device is a *stream* with a name of its own, and its reports are numbered. What has a
number at or below the last counted one came before: a repetition of a device whose answer was lost, or a
replay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from ota_client.protocol import Report, ReportState
from ota_server.database.schema import (
    device_events,
    devices,
    report_streams,
    rollout_devices,
    rollouts,
)
from ota_server.devices.events import forget_old
from ota_server.errors import UnknownDeviceError
from ota_server.journal.event import Event, EventKind, record
from ota_server.rollouts.answers import answer
from ota_server.rollouts.penalty import FleetRules

# A device begins a new stream when its queue was lost. Of older ones nothing is expected any more.
STREAMS_MOST: Final = 4


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of some reports.

    Attributes:
        sequence: of the stream's last counted report: the device may forget all up to it.
        counted: the states of those that were counted now.
    """

    sequence: int
    counted: tuple[ReportState, ...]


def accept(
    connection: Connection,
    device_pk: int,
    stream: str,
    reports: Sequence[Report],
    *,
    now: datetime,
    rules: FleetRules,
) -> Accepted:
    """Count the reports that are new, in the order of their numbers, and let rollouts follow them.

    Numbers may be missing: a queue that is full drops some. What was counted is durable when the
    transaction ends.

    Args:
        connection: in a transaction that writes.
        device_pk: whose key the connection has proved (B03).
        stream: of the device, 32 hexadecimal digits.
        reports: in any order.
        now: UTC.
        rules: of the penalty box.

    Raises:
        UnknownDeviceError: the device was decommissioned meanwhile.
    """
    created_at = _lock(connection, device_pk)
    last = before = _last_counted(connection, device_pk, stream)
    counted: list[ReportState] = []
    for report in sorted(reports, key=lambda report: report.sequence):
        if report.sequence > last:
            last = report.sequence
            counted.append(report.state)
            _note(connection, device_pk, report, _happened_at(report, created_at, now))
            answer(connection, device_pk, report, now=now, rules=rules)
            if report.state is ReportState.FELL_BACK:
                _tell(connection, device_pk, report, now)
    if last > before:
        _remember(connection, device_pk, stream, last, is_new=before == 0, now=now)
        forget_old(connection, device_pk)
    return Accepted(last, tuple(counted))


def _lock(connection: Connection, device_pk: int) -> int:
    """Let one request of a device in at a time; returns since when the device is known."""
    row = connection.execute(
        select(devices.c.created_at).filter_by(pk=device_pk).with_for_update(key_share=True)
    ).first()
    if row is None:
        raise UnknownDeviceError("no enrolled device has this certificate's key")
    return int(row.created_at)


def _last_counted(connection: Connection, device_pk: int, stream: str) -> int:
    wanted = select(report_streams.c.sequence).filter_by(device_pk=device_pk, stream=stream)
    return connection.execute(wanted).scalar() or 0


def _happened_at(report: Report, created_at: int, now: datetime) -> int:
    """The device's time, where it can be true: a device without a clock says 1970."""
    received = int(now.timestamp())
    said = int(report.at.timestamp())
    return said if created_at <= said <= received else received


def _note(connection: Connection, device_pk: int, report: Report, at: int) -> None:
    rollout = (
        select(rollout_devices.c.rollout_id)
        .filter_by(id=report.assignment, device_pk=device_pk)
        .scalar_subquery()
    )
    connection.execute(
        insert(device_events).values(
            device_pk=device_pk,
            at=at,
            kind=report.state.value,
            version=str(report.version),
            rollout_id=rollout,
            code=report.code,
            detail=report.detail,
        )
    )


def _tell(connection: Connection, device_pk: int, report: Report, now: datetime) -> None:
    """Have people told that a device is back on what it ran before."""
    columns = (devices.c.device_id, devices.c.product, devices.c.running_version)
    device = connection.execute(select(*columns).filter_by(pk=device_pk)).one()
    mine = select(rollouts.c.id, rollouts.c.name).join(rollout_devices)
    mine = mine.where(rollout_devices.c.id == report.assignment)
    place = connection.execute(mine.where(rollout_devices.c.device_pk == device_pk)).first()
    document = {
        "version": str(report.version),
        "running_version": device.running_version,
        "rollout_id": place.id if place else None,
        "rollout": place.name if place else "",
        "code": report.code,
        "detail": report.detail,
    }
    kind = EventKind.DEVICE_FELL_BACK
    told = Event(kind, document, product=device.product, device_id=device.device_id)
    record(connection, told, now=now)


def _remember(
    connection: Connection,
    device_pk: int,
    stream: str,
    sequence: int,
    *,
    is_new: bool,
    now: datetime,
) -> None:
    values = {"sequence": sequence, "changed_at": int(now.timestamp())}
    if not is_new:
        mine = update(report_streams).filter_by(device_pk=device_pk, stream=stream)
        connection.execute(mine.values(values))
        return
    _forget_old_streams(connection, device_pk)
    connection.execute(insert(report_streams).values(device_pk=device_pk, stream=stream, **values))


def _forget_old_streams(connection: Connection, device_pk: int) -> None:
    newest_first = (
        select(report_streams.c.stream)
        .filter_by(device_pk=device_pk)
        .order_by(report_streams.c.changed_at.desc(), report_streams.c.stream)
    )
    old = connection.execute(newest_first.offset(STREAMS_MOST - 1)).scalars().all()
    if old:
        connection.execute(
            delete(report_streams).filter_by(device_pk=device_pk).where(report_streams.c.stream.in_(old))
        )
