"""A fleet after two months: devices with a past, groups, a rollout under way and two that are over."""

import random
from bisect import bisect
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert
from support.signing_desk import HARDWARE, PRODUCT

from bench.rows import insert_rows
from ota_client.formats.strict import canonical_json
from ota_client.formats.version import Version
from ota_server.database import schema, security_schema
from ota_server.rollouts.counts import WaveCounts
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.share import Share
from ota_server.rollouts.states import IN_FLIGHT, DeviceState
from ota_server.rollouts.wave_plan import HaltCondition, WavePlan

OLD: Final = ("1.0.0", "1.1.0", "1.2.0")
NEW: Final = "1.3.0"
_DAYS: Final = 60
_DAY_S: Final = 86_400
_GROUPS: Final = 20
_OVER: Final = 2
_TAKES: Final = ("2%", "10%", "30%", "60%", "rest")
_BOUNDS: Final = (0.02, 0.1, 0.3, 0.6)
# the last one that is open: half of it has answered
_WAVE: Final = 4
_CODES: Final = ("install", "storage", "boot-control", "read-back")
_PAST: Final = ("enrolled", "installed", "confirmed")
_INVENTORY: Final = canonical_json(
    {
        "attributes": {"site": "north", "floor": 3, "kernel": "6.12.4"},
        "slots": [
            {"name": name, "version": version, "booted": booted, "good": True, "bootable": True}
            for name, version, booted in (("A", "1.0.0", True), ("B", "1.1.0", False))
        ],
    }
).decode()


@dataclass(frozen=True, slots=True)
class _Place:
    """A device in the rollout that is under way."""

    pk: int
    wave: int
    state: DeviceState
    running: str
    code: str


def fill(connection: Connection, devices: int, now: datetime) -> None:
    """Write so many devices and all that is kept of them."""
    at = int(now.timestamp())
    chance = random.Random(devices)  # noqa: S311 - decides who fails
    places = [_place(pk, chance) for pk in range(1, devices + 1)]
    _fill_devices(connection, places, at)
    _fill_groups(connection, devices, at)
    _fill_rollout(connection, places, at)
    for number in range(2, 2 + _OVER):
        _fill_past_rollout(connection, number, devices, at)
    _fill_versions(connection, Counter(place.running for place in places), at)


def _place(pk: int, chance: random.Random) -> _Place:
    wave = bisect(_BOUNDS, chance.random()) + 1
    state, code = _state(wave, chance), ""
    if state in {DeviceState.FELL_BACK, DeviceState.FAILED}:
        code = chance.choice(_CODES)
    running = NEW if state is DeviceState.SUCCEEDED else chance.choice(OLD)
    return _Place(pk, wave, state, running, code)


def _state(wave: int, chance: random.Random) -> DeviceState:
    if wave > _WAVE or (wave == _WAVE and chance.random() < 1 / 2):
        # one in twenty of those that wait has a place
        updating = wave == _WAVE and chance.random() < 1 / 20
        return DeviceState.DOWNLOADING if updating else DeviceState.PENDING
    states = (DeviceState.SUCCEEDED, DeviceState.FELL_BACK, DeviceState.FAILED)
    return chance.choices(states, (92, 6, 2))[0]


def _fill_devices(connection: Connection, places: list[_Place], at: int) -> None:
    pks = range(1, len(places) + 1)
    said = {"rollback_index": 1, "phase": "idle", "root_version": 1, "inventory_sha256": "0" * 64}
    is_of = {"product": PRODUCT, "hardware_id": HARDWARE, "status": "active", "tags": '["beta"]'}
    since = {"created_at": at - _DAYS * _DAY_S, "certificate_expires_at": at + 300 * _DAY_S}
    rows = (
        {"device_id": f"gw-{one.pk - 1:06}", "key_sha256": f"{one.pk:064x}"}
        | {"pk": one.pk, "running_version": one.running, **said, **is_of, **since}
        for one in places
    )
    insert_rows(connection, schema.devices, rows)
    insert_rows(connection, schema.device_seen, ({"device_pk": pk, "seen_at": at} for pk in pks))
    inventory = {"document": _INVENTORY, "updated_at": at}
    insert_rows(connection, schema.inventories, ({"device_pk": pk, **inventory} for pk in pks))
    events = (
        {"device_pk": pk, "at": at - _DAY_S, "kind": kind, "version": "1.0.0", "rollout_id": 1}
        # what is asked for is a device with a long past
        for pk in (*pks, *([1] * 20))
        for kind in _PAST
    )
    insert_rows(connection, schema.device_events, events)


def _fill_groups(connection: Connection, devices: int, at: int) -> None:
    """All are in the first one, and each device is in another one."""
    others = _GROUPS - 1
    names = {1: devices} | {n: len(range(n - 2, devices, others)) for n in range(2, _GROUPS + 1)}
    rows = (
        {"id": n, "product": PRODUCT, "name": f"group-{n}", "query": "phase = idle"}
        | {"created_at": at, "devices": inside}
        for n, inside in names.items()
    )
    insert_rows(connection, schema.groups, rows)
    members = (
        {"group_id": group, "device_pk": pk + 1}
        for pk in range(devices)
        for group in (1, pk % others + 2)
    )
    insert_rows(connection, schema.group_members, members)


def _fill_rollout(connection: Connection, places: list[_Place], at: int) -> None:
    counted = Counter((one.wave, one.state) for one in places)
    updating = sum(counted[number, state] for number in range(1, _WAVE + 1) for state in IN_FLIGHT)
    halt = HaltCondition(share=Share.parse("20%"))
    plan = _plan(1, tuple(WavePlan.taking(takes, halt=halt) for takes in _TAKES), max(updating, 100))
    stands = {"state": "running", "wave": _WAVE, "in_flight": updating}
    connection.execute(insert(schema.rollouts).values(_rollout(1, plan, at) | stands))
    waves = (_wave(number, counted, at) for number in range(1, len(_TAKES) + 1))
    insert_rows(connection, schema.rollout_waves, waves)
    rows = (
        {"rollout_id": 1, "device_pk": one.pk, "wave": one.wave, "state": one.state.value}
        | {"code": one.code, "assigned_at": at, "changed_at": at - one.pk % 1000, "attempts": 1}
        for one in places
    )
    insert_rows(connection, schema.rollout_devices, rows)


def _wave(number: int, counted: Counter[tuple[int, DeviceState]], at: int) -> dict[str, object]:
    mine = {state: counted[number, state] for state in DeviceState}
    counts = WaveCounts(
        number,
        members=sum(mine.values()),
        assigned=sum(mine[state] for state in IN_FLIGHT),
        succeeded=mine[DeviceState.SUCCEEDED],
        failed=mine[DeviceState.FAILED],
        fell_back=mine[DeviceState.FELL_BACK],
        opened_at=at if number <= _WAVE else None,
    )
    return {"rollout_id": 1, **asdict(counts)}


def _fill_past_rollout(connection: Connection, number: int, devices: int, at: int) -> None:
    """It is over, and everybody has it."""
    plan = _plan(number, (WavePlan.taking("rest"),), 100)
    stands = {"state": "finished", "wave": 1}
    connection.execute(insert(schema.rollouts).values(_rollout(number, plan, at) | stands))
    counts = WaveCounts(1, members=devices, succeeded=devices, opened_at=at)
    insert_rows(connection, schema.rollout_waves, [{"rollout_id": number, **asdict(counts)}])
    rows = (
        {"rollout_id": number, "device_pk": pk, "wave": 1, "state": "succeeded", "changed_at": at}
        for pk in range(1, devices + 1)
    )
    insert_rows(connection, schema.rollout_devices, rows)


def _plan(number: int, waves: tuple[WavePlan, ...], most: int) -> RolloutPlan:
    version = Version.parse(NEW)
    return RolloutPlan(PRODUCT, f"rollout-{number}", version, "group-1", waves, max_in_flight=most)


def _rollout(number: int, plan: RolloutPlan, at: int) -> dict[str, object]:
    times = dict.fromkeys(("created_at", "starts_at", "changed_at"), at)
    is_of = {"product": PRODUCT, "name": plan.name, "version": str(plan.version), "group_id": 1}
    known = {"plan": plan.to_json(), "salt": "0" * 32, "max_in_flight": plan.max_in_flight}
    return {"id": number, **is_of, **known, **times}


def _fill_versions(connection: Connection, counted: Counter[str], at: int) -> None:
    rows = [{"product": PRODUCT, "version": name, "devices": n} for name, n in counted.items()]
    insert_rows(connection, security_schema.version_counts, rows)
    today = at // _DAY_S * _DAY_S
    days = ({**row, "day_at": today - day * _DAY_S} for day in range(2, _DAYS) for row in rows)
    insert_rows(connection, security_schema.version_history, days)
