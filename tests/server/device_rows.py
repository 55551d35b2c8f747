"""A database with devices in it, without enrolling them."""

from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, func, insert, select, update
from support.fleet import open_database

from ota_client.formats.strict import canonical_json
from ota_server.database.database import Database
from ota_server.database.schema import device_seen, devices, group_members, groups
from ota_server.database.security_schema import version_counts
from ota_server.devices.device_facts import facts_of
from ota_server.devices.group_query import parse

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
_keys = count()


class _UndoneError(Exception):
    """Ends a transaction as if nothing had happened."""


@contextmanager
def one_transaction():
    """A transaction that writes, over empty tables of SQLite; nothing of it stays."""
    _, database = _for_all()
    with suppress(_UndoneError), database.begin() as connection:
        yield connection
        raise _UndoneError


@cache
def _for_all() -> tuple[TemporaryDirectory, Database]:
    """One database for all tests: to open one and to compile its statements takes longer than most."""
    folder = TemporaryDirectory()
    return folder, open_database(Path(folder.name))


def device_row(device_id: str, *, product="camera", hardware_id="cam-v2", tags=(), **values) -> dict:
    return {
        "device_id": device_id,
        "product": product,
        "hardware_id": hardware_id,
        "key_sha256": f"{next(_keys):064x}",
        "status": "active",
        "created_at": SECONDS,
        "certificate_expires_at": SECONDS + 86_400,
        "tags": canonical_json(list(tags)).decode(),
        "running_version": None,
        "rollback_index": None,
        "phase": None,
        "root_version": None,
        "penalty_until": 0,
        **values,
    }


def add_device(connection: Connection, device_id: str, *, seen_at: int | None = None, **values) -> int:
    row = device_row(device_id, **values)
    pk = connection.execute(insert(devices).values(row).returning(devices.c.pk)).scalar_one()
    _count(connection, row["product"], row["running_version"] or "")
    if seen_at is not None:
        connection.execute(insert(device_seen).values(device_pk=pk, seen_at=seen_at))
    return pk


def _count(connection: Connection, product: str, version: str) -> None:
    """At once: these transactions do not come to their end."""
    mine = {"product": product, "version": version}
    more = update(version_counts).filter_by(**mine).values(devices=version_counts.c.devices + 1)
    if not connection.execute(more).rowcount:
        connection.execute(insert(version_counts).values(**mine, devices=1))


def member_ids(connection: Connection, group_id: int) -> list[str]:
    query = select(devices.c.device_id).join(group_members, group_members.c.device_pk == devices.c.pk)
    return sorted(connection.scalars(query.where(group_members.c.group_id == group_id)))


def check_counters(connection: Connection) -> None:
    """Each group's counter is the number of its rows."""
    recount = select(func.count()).where(group_members.c.group_id == groups.c.id).scalar_subquery()
    for name, counted, recounted in connection.execute(select(groups.c.name, groups.c.devices, recount)):
        assert counted == recounted, name


def check_members(connection: Connection) -> None:
    """Each group is what its query says."""
    pks = set(connection.scalars(select(devices.c.pk)))
    facts = {pk: facts_of(connection, pk) for pk in pks}
    members = {tuple(row) for row in connection.execute(select(group_members))}
    expected = {
        (group.id, pk)
        for group in connection.execute(select(groups))
        for pk in pks
        if group.product == facts[pk].product and parse(group.query).matches(facts[pk])
    }
    assert members == expected
