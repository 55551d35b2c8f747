"""Devices that join a group, leave it, or are gone: what follows for their rollouts."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, or_, select

from ota_server.database.schema import OPEN_STATES, devices, rollout_devices, rollouts
from ota_server.rollouts.claim import FACTS, facts_of
from ota_server.rollouts.eligibility import Standing, standing
from ota_server.rollouts.ledger import PLACE_COLUMNS, Ledger, Place, open_places
from ota_server.rollouts.progress import settle
from ota_server.rollouts.states import (
    OPEN_ROLLOUTS,
    DeviceState,
    Event,
    RolloutState,
)
from ota_server.rollouts.waves import place_one

_BATCH: Final = 1_000


def rollouts_of(connection: Connection, group_id: int) -> list[int]:
    """A group's rollouts that take devices, finished ones that stay open too, in the order of locks."""
    # canonical JSON has one way to say it
    stays_open = rollouts.c.plan.contains('"stays_open":true', autoescape=True)
    finished = (rollouts.c.state == RolloutState.FINISHED.value) & stays_open
    wanted = select(rollouts.c.id).where(
        rollouts.c.group_id == group_id, or_(rollouts.c.state.in_(OPEN_ROLLOUTS), finished)
    )
    return list(connection.execute(wanted.order_by(rollouts.c.id)).scalars())


def joined(connection: Connection, group_id: int, device_pk: int, *, now: datetime) -> None:
    """A device came into a group: it takes part in the group's rollouts, by its own hash.

    Args:
        connection: in a transaction that writes.
        group_id: which group.
        device_pk: which device.
        now: UTC.
    """
    all_joined(connection, group_id, [device_pk], now=now)


def all_joined(
    connection: Connection, group_id: int, device_pks: Sequence[int], *, now: datetime
) -> None:
    """Many devices came into a group at once; see ``joined``."""
    for rollout_id in rollouts_of(connection, group_id):
        ledger = Ledger.open(connection, rollout_id)
        if ledger is None:
            continue
        for batch in _batches(device_pks):
            _join(connection, ledger, batch, now)
        if ledger.state is RolloutState.FINISHED and any(wave.open for wave in ledger.opened):
            ledger.happen(Event.REOPEN)
        settle(ledger, now=now)
        ledger.save(now=now)


def left(connection: Connection, group_id: int, device_pk: int, *, now: datetime) -> None:
    """A device went out of a group: if it has not begun, it is no longer in the group's rollouts.

    One that has begun goes on to the end. A group of devices below some version loses each device that
    updates, and a device on its stepping stone must not stay there.
    """
    all_left(connection, group_id, [device_pk], now=now)


def all_left(connection: Connection, group_id: int, device_pks: Sequence[int], *, now: datetime) -> None:
    """Many devices went out of a group at once; see ``left``."""
    has_not_begun = rollout_devices.c.attempts == 0
    for rollout_id in rollouts_of(connection, group_id):
        ledger = Ledger.open(connection, rollout_id)
        if ledger is None:
            continue
        for batch in _batches(device_pks):
            gone = rollout_devices.c.device_pk.in_(batch)
            waiting = [DeviceState.PENDING]
            ledger.move_all(waiting, DeviceState.WITHDRAWN, gone, has_not_begun, now=now)
        settle(ledger, now=now)
        ledger.save(now=now)


def withdraw(connection: Connection, device_pk: int, *, now: datetime) -> None:
    """A device was revoked: it gives its places back, and nobody waits for it (B05)."""
    _close(connection, open_places(connection, device_pk), now)


def forget(connection: Connection, device_pk: int, *, now: datetime) -> None:
    """A device is decommissioned: it gives its places back, and was never a member."""
    mine = select(*PLACE_COLUMNS).filter_by(device_pk=device_pk)
    for place in _in_order(Place.read(row) for row in connection.execute(mine)):
        ledger = Ledger.open(connection, place.rollout_id)
        latest = _place(connection, place.rollout_id, device_pk)
        if ledger is not None and latest is not None:
            ledger.remove(latest)
            settle(ledger, now=now)
            ledger.save(now=now)


def _join(connection: Connection, ledger: Ledger, device_pks: Sequence[int], now: datetime) -> None:
    wanted = select(devices.c.pk, devices.c.device_id, *FACTS).where(devices.c.pk.in_(device_pks))
    known = select(*PLACE_COLUMNS).where(
        rollout_devices.c.rollout_id == ledger.id, rollout_devices.c.device_pk.in_(device_pks)
    )
    places = {row.device_pk: Place.read(row) for row in connection.execute(known)}
    for device in connection.execute(wanted).all():
        stands = standing(ledger.plan, facts_of(device))
        if not stands.is_member:
            continue
        place = places.get(device.pk)
        if place is None:
            _add(ledger, device, stands, now)
        elif place.state is DeviceState.WITHDRAWN:
            ledger.move(place, DeviceState.PENDING, now=now)


def _add(ledger: Ledger, device: Row[*tuple[Any, ...]], stands: Standing, now: datetime) -> None:
    members = [ledger.waves[number].members for number in sorted(ledger.waves)]
    wave = place_one(ledger.plan, ledger.salt, device.device_id, current=ledger.wave, members=members)
    if wave is not None:
        runs_it = stands is Standing.RUNS_IT
        state = DeviceState.SUCCEEDED if runs_it else DeviceState.PENDING
        ledger.add(device.pk, wave, state, now=now)


def _batches(device_pks: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(device_pks), _BATCH):
        yield device_pks[start : start + _BATCH]


def _close(connection: Connection, places: Iterable[Place], now: datetime) -> None:
    for place in _in_order(places):
        ledger = Ledger.open(connection, place.rollout_id)
        latest = _place(connection, place.rollout_id, place.device_pk)
        if ledger is None or latest is None or latest.state not in OPEN_STATES:
            continue
        ledger.move(latest, DeviceState.WITHDRAWN, now=now)
        settle(ledger, now=now)
        ledger.save(now=now)


def _place(connection: Connection, rollout_id: int, device_pk: int) -> Place | None:
    mine = select(*PLACE_COLUMNS).filter_by(rollout_id=rollout_id, device_pk=device_pk)
    row = connection.execute(mine.select_from(rollout_devices)).first()
    return None if row is None else Place.read(row)


def _in_order(places: Iterable[Place]) -> list[Place]:
    return sorted(places, key=lambda place: place.rollout_id)
