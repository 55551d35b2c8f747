"""What the owner of some devices is told of an event: nothing of anybody else's devices (B10)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from ota_client.formats.strict import format_time, parse_time
from ota_server.database.schema import devices
from ota_server.devices.device_row import DeviceStatus
from ota_server.journal.event_documents import (
    CertificateExpiring,
    ExposedDevices,
    Fix,
    ReleasePublished,
    RunningVersion,
)
from ota_server.journal.event_kind import EventKind
from ota_server.journal.event_page import StoredEvent
from ota_server.notify.exposed import FIRST_MOST


def for_owner(connection: Connection, event: StoredEvent, pattern: str) -> StoredEvent | None:
    """An event as the owner of the devices of a pattern sees it; None if it is none of theirs.

    Args:
        connection: for reading.
        event: about one of their devices, a release, or certificates of a product's devices.
        pattern: an id, or one with ``*`` and ``?``.
    """
    match event.kind:
        case EventKind.RELEASE_PUBLISHED:
            return _release(connection, event, pattern)
        case EventKind.CERTIFICATE_EXPIRING:
            return _certificates(connection, event, pattern)
        case _:
            return event


def _certificates(connection: Connection, event: StoredEvent, pattern: str) -> StoredEvent | None:
    told = msgspec.convert(event.document, type=CertificateExpiring)
    if not told.until:
        return None
    ends_at, until = devices.c.certificate_expires_at, parse_time(told.until)
    mine = (
        (devices.c.product == event.product)
        & (devices.c.status == DeviceStatus.ACTIVE.value)
        & ends_at.between(int(event.at.timestamp()), int(until.timestamp()))
        & _like(pattern)
    )
    count, first_at = connection.execute(select(func.count(), func.min(ends_at)).where(mine)).one()
    if not count:
        return None
    first = select(devices.c.device_id).where(mine).order_by(devices.c.device_id).limit(FIRST_MOST)
    document: Mapping[str, Any] = msgspec.to_builtins(
        msgspec.structs.replace(
            told,
            expires_at=format_time(datetime.fromtimestamp(first_at, UTC)),
            devices=count,
            first=tuple(connection.scalars(first)),
        )
    )
    return replace(event, document=document)


def _release(connection: Connection, event: StoredEvent, pattern: str) -> StoredEvent | None:
    mine = (devices.c.product == event.product) & _like(pattern)
    running = _running(connection, mine)
    if not running:
        return None
    told = msgspec.convert(event.document, type=ReleasePublished)
    document: Mapping[str, Any] = msgspec.to_builtins(
        msgspec.structs.replace(
            told,
            fixes=tuple(_fix(fix, running) for fix in told.fixes),
            exposed=_exposed(connection, mine, running, told.exposed),
        )
    )
    return replace(event, document=document)


def _fix(fix: Fix, running: Mapping[str | None, int]) -> Fix:
    mine = tuple(version for version in fix.exposed_versions if version in running)
    count = sum(running[version] for version in mine)
    return msgspec.structs.replace(fix, exposed_versions=mine, exposed_devices=count)


def _exposed(
    connection: Connection,
    mine: ColumnElement[bool],
    running: Mapping[str | None, int],
    told: ExposedDevices,
) -> ExposedDevices:
    versions = tuple(
        RunningVersion(one.version, running[one.version])
        for one in told.versions
        if one.version in running
    )
    return ExposedDevices(
        devices=sum(one.devices for one in versions),
        of=sum(running.values()),
        first=tuple(_first(connection, mine, [one.version or "" for one in versions])),
        versions=versions,
    )


def _running(connection: Connection, mine: ColumnElement[bool]) -> dict[str | None, int]:
    query = select(devices.c.running_version, func.count()).where(mine)
    found = connection.execute(query.group_by(devices.c.running_version))
    return {row[0]: row[1] for row in found}


def _first(connection: Connection, mine: ColumnElement[bool], versions: Sequence[str]) -> Sequence[str]:
    runs = func.coalesce(devices.c.running_version, "").in_(versions)
    query = select(devices.c.device_id).where(mine, runs).order_by(devices.c.device_id)
    return connection.scalars(query.limit(FIRST_MOST)).all()


def _like(pattern: str) -> ColumnElement[bool]:
    # the characters of a pattern are checked: '_' and '.' are letters in it, '%' is none
    text = pattern.replace("_", r"\_").replace("*", "%").replace("?", "_")
    return devices.c.device_id.like(text, escape="\\")
