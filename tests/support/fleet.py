"""A small fleet in a database: devices, groups, releases, and a clock that the test sets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, delete, func, insert, inspect, select, text, update

from ota_client.formats.version import Version
from ota_client.protocol import Report, ReportState
from ota_server.database.database import Database
from ota_server.database.schema import (
    device_seen,
    devices,
    group_members,
    groups,
    rollout_devices,
    rollout_waves,
    rollouts,
)
from ota_server.database.tables import metadata
from ota_server.devices import version_counts
from ota_server.errors import NotFoundError
from ota_server.rollouts.plan import ReleaseFacts, RolloutPlan, WavePlan

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PRODUCT, HARDWARE = "cam", "cam-v2"


def open_database(folder: Path) -> Database:
    """A SQLite database with empty tables."""
    path = Path(folder, "fleet.db")
    path.write_bytes(_empty_file())
    return Database(f"sqlite:///{path}")


@cache
def _empty_file() -> bytes:
    """A file with the fleet's tables; to make them takes as long as most tests."""
    with TemporaryDirectory() as folder:
        with_tables(Database(f"sqlite:///{folder}/fleet.db")).close()
        return Path(folder, "fleet.db").read_bytes()


def with_tables(database: Database) -> Database:
    with database.begin() as connection:
        metadata.create_all(connection)
    return database


def emptied(database: Database) -> Database:
    """The same database without its rows; numbers begin at 1 again in SQLite."""
    with database.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
        if database.is_sqlite and inspect(connection).has_table("sqlite_sequence"):
            connection.execute(text("DELETE FROM sqlite_sequence"))
    return database


@dataclass
class Releases:
    """A catalog without files."""

    known: dict[Version, ReleaseFacts] = field(default_factory=dict)

    def put(self, version: str, *, rollback_index: int = 1, min_version: str | None = None) -> None:
        facts = ReleaseFacts(
            Version.parse(version),
            rollback_index,
            (HARDWARE,),
            Version.parse(min_version) if min_version else None,
        )
        self.known[facts.version] = facts

    def release(self, product: str, version: Version) -> ReleaseFacts:
        if version not in self.known:
            raise NotFoundError(f"{product} {version} is not published")
        return self.known[version]


def add_device(connection: Connection, device_id: str, **values: object) -> int:
    """One active device that runs 1.0.0, or what ``values`` say; its pk."""
    return add_devices(connection, [device_id], **values)[0]


def add_devices(connection: Connection, device_ids: Sequence[str], **values: object) -> list[int]:
    rows = [
        {
            "device_id": device_id,
            "product": PRODUCT,
            "hardware_id": HARDWARE,
            "key_sha256": device_id.encode().hex().rjust(64, "0")[-64:],
            "status": "active",
            "created_at": int(NOW.timestamp()),
            "certificate_expires_at": int(NOW.timestamp()) + 10**7,
            "running_version": "1.0.0",
            "rollback_index": 1,
            "root_version": 1,
            "phase": "idle",
            **values,
        }
        for device_id in device_ids
    ]
    connection.execute(insert(devices), rows)
    for row in rows:
        version_counts.entered(connection, row["product"], row["running_version"])
    wanted = select(devices.c.device_id, devices.c.pk).where(devices.c.device_id.in_(device_ids))
    pks = {row.device_id: row.pk for row in connection.execute(wanted)}
    return [pks[device_id] for device_id in device_ids]


def add_group(connection: Connection, device_pks: Sequence[int], name: str = "all") -> int:
    row = {
        "product": PRODUCT,
        "name": name,
        "query": f"product = {PRODUCT}",
        "created_at": int(NOW.timestamp()),
        "devices": len(device_pks),
    }
    group_id = connection.execute(insert(groups).values(row).returning(groups.c.id)).scalar_one()
    if device_pks:
        rows = [{"group_id": group_id, "device_pk": pk} for pk in device_pks]
        connection.execute(insert(group_members), rows)
    return group_id


def set_device(connection: Connection, device_pk: int, **values: object) -> None:
    connection.execute(update(devices).filter_by(pk=device_pk).values(values))


def put_seen(connection: Connection, device_pk: int, at: datetime) -> None:
    connection.execute(delete(device_seen).filter_by(device_pk=device_pk))
    connection.execute(insert(device_seen).values(device_pk=device_pk, seen_at=int(at.timestamp())))


def make_plan(*waves: str | WavePlan, **values: object) -> RolloutPlan:
    """A plan for the group ``all`` to 1.1.0, all at once unless waves are given."""
    taken = [
        wave if isinstance(wave, WavePlan) else WavePlan.taking(wave) for wave in waves or ("rest",)
    ]
    standard = {
        "product": PRODUCT,
        "name": "spring",
        "version": Version.parse("1.1.0"),
        "group": "all",
        "waves": tuple(taken),
        "max_in_flight": 1000,
        "retries": 0,
    }
    return RolloutPlan(**{**standard, **values})


def report(
    assignment: int | None,
    state: ReportState,
    version: str = "1.1.0",
    *,
    sequence: int = 1,
    code: str = "",
) -> Report:
    return Report(sequence, NOW, state, Version.parse(version), assignment, code)


def places(connection: Connection, rollout_id: int, *device_ids: str) -> dict[str, object]:
    """The rows of ``rollout_devices`` by device id; of all devices unless some are named."""
    columns = (*rollout_devices.c, devices.c.device_id)
    wanted = select(*columns).join(devices).where(rollout_devices.c.rollout_id == rollout_id)
    if device_ids:
        wanted = wanted.where(devices.c.device_id.in_(device_ids))
    return {row.device_id: row for row in connection.execute(wanted)}


def penalty(connection: Connection, device_pk: int) -> tuple[list[int], int]:
    row = connection.execute(select(devices).filter_by(pk=device_pk)).one()
    return json.loads(row.failed_at), row.penalty_until


def miscounted(connection: Connection) -> list[str]:
    """Every counter of every rollout that is not what a count of its devices says."""
    wrong = []
    for rollout in connection.execute(select(rollouts)):
        by_wave = _count(connection, rollout.id)
        for wave in connection.execute(select(rollout_waves).filter_by(rollout_id=rollout.id)):
            wrong += _compare(wave, by_wave.get(wave.number, {}))
        in_flight = sum(_in_flight(states) for states in by_wave.values())
        if rollout.in_flight != in_flight or in_flight > rollout.max_in_flight:
            wrong.append(
                f"{rollout.name}: {rollout.in_flight} in flight, counted {in_flight}, "
                f"most {rollout.max_in_flight}"
            )
    return wrong


def _count(connection: Connection, rollout_id: int) -> dict[int, dict[str, int]]:
    columns = (rollout_devices.c.wave, rollout_devices.c.state)
    wanted = select(*columns, func.count()).filter_by(rollout_id=rollout_id).group_by(*columns)
    by_wave: dict[int, dict[str, int]] = {}
    for wave, state, number in connection.execute(wanted):
        by_wave.setdefault(wave, {})[state] = number
    return by_wave


def _compare(wave, states: dict[str, int]) -> list[str]:
    counted = {name: states.get(name, 0) for name in _PLAIN}
    counted |= {"members": sum(states.values()), "assigned": _in_flight(states)}
    wrong = {name: (getattr(wave, name), n) for name, n in counted.items() if getattr(wave, name) != n}
    answered = wave.succeeded + wave.failed + wave.fell_back
    if not (0 <= wave.base_bad <= wave.failed + wave.fell_back and 0 <= wave.base_answered <= answered):
        wrong["base"] = (wave.base_bad, wave.base_answered)
    return [f"wave {wave.number}: {wrong}"] if wrong else []


_PLAIN = ("succeeded", "failed", "fell_back", "refused", "silent", "withdrawn")


def _in_flight(states: dict[str, int]) -> int:
    return sum(states.get(name, 0) for name in ("assigned", "downloading", "installed", "trial"))
