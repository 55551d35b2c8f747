"""A device as an operator looks at it, and what happened to it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, or_, select, text

from ota_client.formats.strict import NAME_LONGEST, format_time
from ota_client.formats.version import Version
from ota_server.database.schema import (
    IN_FLIGHT_STATES,
    OPEN_STATES,
    device_events,
    device_seen,
    devices,
    rollout_devices,
    rollouts,
)
from ota_server.errors import NotFoundError
from ota_server.page import check_limit

NAME_BEGINS: Final = re.compile(rf"[a-z0-9._-]{{1,{NAME_LONGEST}}}", re.ASCII)


# word for word as the partial index has it, so that SQLite sees that it fits
_IS_OPEN: Final = text(f"rollout_devices.state IN {OPEN_STATES}")


@dataclass(frozen=True, slots=True)
class Device:
    """One device.

    Attributes:
        pk: its number in this database; no device knows it.
        key_sha256: of its public key: its identity.
        status: ``active`` or ``revoked``.
        running_version: None before the first check-in, as are the next three.
        root_version: of the TUF root that it last trusted (A10).
        seen_at: its last check-in, at most a second stale.
        penalty_until: it is offered nothing before; None if it never was in the penalty box.
        offered_version: of the rollout that it follows, or waits for; None without a running one.
    """

    pk: int
    device_id: str
    product: str
    hardware_id: str
    key_sha256: str
    status: str
    created_at: datetime
    certificate_expires_at: datetime
    tags: tuple[str, ...]
    running_version: Version | None
    rollback_index: int | None
    root_version: int | None
    phase: str | None
    seen_at: datetime | None
    penalty_until: datetime | None
    offered_version: Version | None

    def to_fields(self) -> dict[str, object]:
        """The device as JSON fields (docs/reference/ota-server.md)."""
        return {
            "device_id": self.device_id,
            "product": self.product,
            "hardware_id": self.hardware_id,
            "key_sha256": self.key_sha256,
            "status": self.status,
            "created_at": format_time(self.created_at),
            "certificate_expires_at": format_time(self.certificate_expires_at),
            "tags": list(self.tags),
            "running_version": _text(self.running_version),
            "rollback_index": self.rollback_index,
            "root_version": self.root_version,
            "phase": self.phase,
            "seen_at": _time(self.seen_at),
            "penalty_until": _time(self.penalty_until),
            "offered_version": _text(self.offered_version),
        }


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to a device.

    Attributes:
        kind: ``enrolled``, ``revoked``, ... or the state of a report.
        rollout: the id of the rollout that it belongs to.
        code: of the error; empty if there was none.
    """

    at: datetime
    kind: str
    version: Version | None
    rollout: int | None
    code: str
    detail: str

    def to_fields(self) -> dict[str, object]:
        """The entry as JSON fields."""
        return {
            "at": format_time(self.at),
            "kind": self.kind,
            "version": _text(self.version),
            "rollout": self.rollout,
            "code": self.code,
            "detail": self.detail,
        }


def find(connection: Connection, device_id: str) -> Device:
    """Look one device up.

    Raises:
        NotFoundError: no device has this id.
    """
    row = None
    # what no device can be called is not asked for: it may hold what the database cannot take
    if NAME_BEGINS.fullmatch(device_id):
        row = connection.execute(device_rows().where(devices.c.device_id == device_id)).first()
    if row is None:
        raise unknown(device_id)
    return device_of(row)


def unknown(device_id: str) -> NotFoundError:
    """No device has this id, or none that the asker may see: to both the same (B10)."""
    return NotFoundError(f"expected the id of a known device, got {device_id[:80]!r}")


def history(connection: Connection, device_id: str, limit: int = 100) -> tuple[HistoryEntry, ...]:
    """What happened to a device, the newest first.

    Raises:
        NotFoundError: no device has this id.
        InvalidError: the limit is not from 1 to ``PAGE_MOST``.
    """
    check_limit(limit)
    device = find(connection, device_id)
    events = device_events.c
    query = select(device_events).where(events.device_pk == device.pk).order_by(events.id.desc())
    return tuple(map(_entry, connection.execute(query.limit(limit))))


def device_rows() -> Select[Any]:
    """Devices with when they were seen and what they are offered."""
    return select(devices, device_seen.c.seen_at, _offered().label("offered_version")).outerjoin(
        device_seen, device_seen.c.device_pk == devices.c.pk
    )


def _offered() -> ColumnElement[str | None]:
    """What the device is being updated to; else what the most urgent rollout has for it."""
    state = rollout_devices.c.state
    waiting = case((state.in_(IN_FLIGHT_STATES), 0), else_=1)
    return (
        select(func.coalesce(rollout_devices.c.version, rollouts.c.version))
        .join(rollouts, rollouts.c.id == rollout_devices.c.rollout_id)
        .where(
            rollout_devices.c.device_pk == devices.c.pk,
            _IS_OPEN,
            # one that halted has nothing new for those that wait
            or_(state.in_(IN_FLIGHT_STATES), rollouts.c.state == "running"),
        )
        .order_by(waiting, rollouts.c.priority.desc(), rollouts.c.id)
        .limit(1)
        .scalar_subquery()
    )


def device_of(row: Row[Any]) -> Device:
    """The device of a row of ``device_rows``."""
    return Device(
        pk=row.pk,
        device_id=row.device_id,
        product=row.product,
        hardware_id=row.hardware_id,
        key_sha256=row.key_sha256,
        status=row.status,
        created_at=_moment(row.created_at),
        certificate_expires_at=_moment(row.certificate_expires_at),
        tags=tuple(json.loads(row.tags)),
        running_version=_version(row.running_version),
        rollback_index=row.rollback_index,
        root_version=row.root_version,
        phase=row.phase,
        seen_at=None if row.seen_at is None else _moment(row.seen_at),
        penalty_until=_moment(row.penalty_until) if row.penalty_until else None,
        offered_version=_version(row.offered_version),
    )


def _entry(row: Row[Any]) -> HistoryEntry:
    return HistoryEntry(
        at=_moment(row.at),
        kind=row.kind,
        version=_version(row.version),
        rollout=row.rollout_id,
        code=row.code,
        detail=row.detail,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _version(text: str | None) -> Version | None:
    return None if text is None else Version.parse(text)


def _text(version: Version | None) -> str | None:
    return None if version is None else str(version)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
