"""What a device's report changes in a rollout, up to the halt that it sets off."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from ota_client.protocol import Report
from ota_server.database.schema import devices, rollout_devices
from ota_server.rollouts.ledger import PLACE_COLUMNS, Ledger, Place, open_places
from ota_server.rollouts.penalty import FleetRules, note_failure
from ota_server.rollouts.progress import settle
from ota_server.rollouts.states import (
    BAD,
    IN_FLIGHT,
    OPEN_ROLLOUTS,
    DeviceState,
    RolloutState,
    reported,
)

_STANDARD_RULES: Final = FleetRules()
_LOCK_DEVICE: Final = (
    select(devices.c.pk).where(devices.c.pk == bindparam("device_pk")).with_for_update(key_share=True)
)
_PLACE: Final = select(*PLACE_COLUMNS).where(
    rollout_devices.c.id == bindparam("assignment"),
    rollout_devices.c.device_pk == bindparam("device_pk"),
)
_MAY_UPDATE: Final = (RolloutState.RUNNING, RolloutState.PAUSED)


def answer(
    connection: Connection,
    device_pk: int,
    report: Report,
    *,
    now: datetime,
    rules: FleetRules = _STANDARD_RULES,
) -> None:
    """Take a report that was not counted before.

    A report of no assignment, of another device's or about another release than what was assigned is out
    of date, and changes nothing.

    Args:
        connection: in a transaction that writes.
        device_pk: whose report it is.
        report: what it says.
        now: UTC.
        rules: of the penalty box.
    """
    if report.assignment is None:
        return
    # the device's row comes first in the order of locks
    connection.execute(_LOCK_DEVICE, {"device_pk": device_pk}).first()
    place = _place(connection, device_pk, report)
    if place is None or _goes_on(connection, place, report, now):
        return
    ledger = Ledger.open(connection, place.rollout_id)
    # what was read before the lock may have changed: a halt calls devices back
    place = _place(connection, device_pk, report)
    state = reported(place.state, report.state) if place else None
    if ledger is None or place is None or state is None:
        return
    if state in BAD:
        note_failure(connection, device_pk, rules, now=now)
    _Answer(connection, ledger, place, report, now).take(state)
    settle(ledger, now=now)
    ledger.save(now=now)


def _place(connection: Connection, device_pk: int, report: Report) -> Place | None:
    """The place that the report is about; None if it is out of date."""
    mine = {"assignment": report.assignment, "device_pk": device_pk}
    row = connection.execute(_PLACE, mine).first()
    return Place.read(row) if row is not None and row.version == str(report.version) else None


def _goes_on(connection: Connection, place: Place, report: Report, now: datetime) -> bool:
    """Note a step of a device that keeps its place: no counter changes, so the rollout is not locked."""
    state = reported(place.state, report.state)
    if state not in IN_FLIGHT or not place.is_in_flight:
        return False
    values = {"state": state.value, "code": report.code, "changed_at": int(now.timestamp())}
    still = update(rollout_devices).filter_by(id=place.id)
    still = still.where(rollout_devices.c.state.in_(IN_FLIGHT))
    return connection.execute(still.values(values)).rowcount == 1


@dataclass(frozen=True, slots=True)
class _Answer:
    """A report about a place, under the rollout's lock."""

    connection: Connection
    ledger: Ledger
    place: Place
    report: Report
    now: datetime

    def take(self, state: DeviceState) -> None:
        if state in IN_FLIGHT:
            # it had lost its place, and is at work nevertheless
            if self._may_take_place():
                self._move(state)
        elif state is DeviceState.SUCCEEDED and self._is_stone():
            self._step_on()
        elif state is DeviceState.FAILED and self._is_tried_again():
            self._move(DeviceState.PENDING)
        else:
            self._move(state)

    def _may_take_place(self) -> bool:
        places = open_places(self.connection, self.place.device_pk)
        is_free = not any(place.is_in_flight for place in places)
        return is_free and self.ledger.has_room and self.ledger.state in _MAY_UPDATE

    def _is_stone(self) -> bool:
        return self.report.version != self.ledger.plan.version

    def _step_on(self) -> None:
        """The stepping stone runs: the release itself is next."""
        is_open = self.ledger.state in OPEN_ROLLOUTS
        self._move(DeviceState.PENDING if is_open else DeviceState.WITHDRAWN, version=None)

    def _is_tried_again(self) -> bool:
        tries_left = self.place.attempts <= self.ledger.plan.retries
        return tries_left and self.ledger.state in OPEN_ROLLOUTS

    def _move(self, state: DeviceState, **values: object) -> None:
        self.ledger.move(self.place, state, now=self.now, code=self.report.code, **values)
