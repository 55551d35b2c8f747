"""A device takes one of a rollout's places: at most ``max_in_flight`` at any moment (B08).

The check-in's look-up (ota_server/checkin/lookup.py) finds candidates: what the device holds, then
pending places in rollouts that run, whose wave is open and that have room, by priority, then the oldest.
That is a hint; what counts is decided here, under the rollout's lock. A check-in calls ``claim`` for a
pending candidate as the last statement of its transaction, and tries the next one if that gives None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select, update

from ota_client.formats.version import Version
from ota_client.protocol import Assignment
from ota_client.recovery import Phase
from ota_server.database.schema import devices, rollout_devices, rollouts
from ota_server.rollouts.eligibility import DeviceFacts, Standing, standing
from ota_server.rollouts.ledger import Ledger, Place, open_places
from ota_server.rollouts.progress import settle
from ota_server.rollouts.states import DeviceState, RolloutState
from ota_server.rollouts.windows import is_open

# In these states of a rollout a device that holds a place goes on.
GOES_ON: Final = (RolloutState.RUNNING, RolloutState.PAUSED)
FACTS: Final = (
    devices.c.status,
    devices.c.hardware_id,
    devices.c.running_version,
    devices.c.rollback_index,
)

# a hint without the rollout's lock, so that a crowd before a full rollout does not queue for it
_HAS_ROOM: Final = (rollouts.c.in_flight < rollouts.c.max_in_flight).label("has_room")
_LOCK_DEVICE: Final = (
    select(devices.c.pk, devices.c.phase, devices.c.penalty_until, _HAS_ROOM, *FACTS)
    .join_from(rollout_devices, devices)
    .join(rollouts)
    .where(rollout_devices.c.id == bindparam("place"))
    .with_for_update(of=devices, key_share=True)
)
_STATE: Final = select(rollout_devices.c.state).where(rollout_devices.c.id == bindparam("place"))


def facts_of(row: Row[*tuple[Any, ...]]) -> DeviceFacts:
    """What ``FACTS`` say of a device."""
    running = Version.parse(row.running_version) if row.running_version is not None else None
    return DeviceFacts(row.status == "active", row.hardware_id, running, row.rollback_index)


def claim(
    connection: Connection, rollout_device_id: int, *, now: datetime, consented: bool = False
) -> Assignment | None:
    """Give a device its place, or what it holds already.

    Args:
        connection: in a transaction that writes.
        rollout_device_id: of a candidate.
        now: UTC.
        consented: whether the device's owner has agreed to this very assignment.

    Returns:
        None if it gets nothing now: the rollout does not run or is full, the wave or the window is not
        open, or the device is not ready. An assignment with ``consent_wanted`` takes no place: the owner
        is to be asked first.
    """
    device = _lock_device(connection, rollout_device_id)
    if device is None:
        return None
    places = {place.id: place for place in open_places(connection, device.pk)}
    place = places.get(rollout_device_id)
    if place is None:
        return None
    holds = [other for other in places.values() if other.is_in_flight]
    if holds:
        # one update at a time
        return _held(connection, place) if place in holds else None
    if not _is_ready(device, now) or not (device.has_room or consented):
        return None
    return _Claim(connection, facts_of(device), place, now).decide(consented=consented)


def held(connection: Connection, device_pk: int) -> Assignment | None:
    """What the device has been given and has not answered yet."""
    places = (place for place in open_places(connection, device_pk) if place.is_in_flight)
    return next(filter(None, (_held(connection, place) for place in places)), None)


def _held(connection: Connection, place: Place) -> Assignment | None:
    state = connection.execute(select(rollouts.c.state).filter_by(id=place.rollout_id)).scalar()
    return _assignment(place.id, place.version) if state in GOES_ON else None


def _assignment(place_id: int, version: str | None) -> Assignment | None:
    if version is None:
        return None
    return Assignment(place_id, Version.parse(version), consent_wanted=False)


def _lock_device(connection: Connection, rollout_device_id: int) -> Row[*tuple[Any, ...]] | None:
    return connection.execute(_LOCK_DEVICE, {"place": rollout_device_id}).first()


def _is_ready(device: Row[*tuple[Any, ...]], now: datetime) -> bool:
    """Whether it has checked in, is not updating by itself, and is out of the penalty box."""
    idle = device.running_version is not None and device.phase == Phase.IDLE
    return idle and device.penalty_until <= now.timestamp()


@dataclass(frozen=True, slots=True)
class _Claim:
    """One attempt."""

    connection: Connection
    device: DeviceFacts
    place: Place
    now: datetime

    def decide(self, *, consented: bool) -> Assignment | None:
        ledger = Ledger.open(self.connection, self.place.rollout_id)
        if ledger is None or not self._is_offered(ledger):
            return None
        stands = standing(ledger.plan, self.device)
        release = ledger.plan.stone if stands is Standing.OFFER_STONE else ledger.plan.release
        if release is None or stands not in {Standing.OFFER, Standing.OFFER_STONE}:
            self._close(ledger, stands)
            return None
        consented = consented or self.place.consented or ledger.plan.forced
        if not consented:
            return Assignment(self.place.id, release.version, consent_wanted=True)
        if not ledger.has_room:
            self._remember_consent()
            return None
        return self._take(ledger, release.version)

    def _is_offered(self, ledger: Ledger) -> bool:
        return (
            ledger.state is RolloutState.RUNNING
            and self.place.wave <= ledger.wave
            and self._is_still_pending()
            and is_open(ledger.plan.windows, self.now)
        )

    def _is_still_pending(self) -> bool:
        # it was read before the rollout was locked: an abort may have come between
        state = self.connection.execute(_STATE, {"place": self.place.id}).scalar()
        return state == DeviceState.PENDING

    def _take(self, ledger: Ledger, version: Version) -> Assignment:
        ledger.move(
            self.place,
            DeviceState.ASSIGNED,
            now=self.now,
            version=str(version),
            attempts=self.place.attempts + 1,
            assigned_at=int(self.now.timestamp()),
            consented=True,
            code="",
        )
        ledger.save(now=self.now)
        return Assignment(self.place.id, version, consent_wanted=False)

    def _close(self, ledger: Ledger, stands: Standing) -> None:
        """It runs the release already, or would refuse it: there is nothing to wait for."""
        runs_it = stands is Standing.RUNS_IT
        state = DeviceState.SUCCEEDED if runs_it else DeviceState.REFUSED
        ledger.move(self.place, state, now=self.now, code="" if runs_it else stands.value)
        settle(ledger, now=self.now)
        ledger.save(now=self.now)

    def _remember_consent(self) -> None:
        mine = update(rollout_devices).filter_by(id=self.place.id)
        self.connection.execute(mine.values(consented=True))
