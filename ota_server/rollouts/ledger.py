"""A rollout under its lock: its row, its waves' counters and its devices change here, and together.

Locks are taken in one order everywhere: the device's row, then the rollout's, then devices' rows in the
rollout. One transaction changes several rollouts in the order of their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)

from ota_server.database.schema import OPEN_STATES, rollout_devices, rollout_waves, rollouts
from ota_server.errors import DatabaseUnavailableError, InvalidError, NotFoundError
from ota_server.journal.event import record
from ota_server.rollouts.counts import WaveCounts
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.states import IN_FLIGHT, DeviceState, Event, RolloutState, after
from ota_server.rollouts.telling import TOLD, told

_COUNTERS: Final = tuple(field.name for field in fields(WaveCounts) if field.name != "number")
_BATCH: Final = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """A device's place in a rollout: a row of ``rollout_devices``.

    Attributes:
        id: the assignment's id.
        version: what was assigned; None before, and after a stepping stone.
    """

    id: int
    rollout_id: int
    device_pk: int
    wave: int
    state: DeviceState
    attempts: int
    version: str | None
    consented: bool

    @property
    def is_in_flight(self) -> bool:
        """Whether it counts towards how many are updating at once."""
        return self.state in IN_FLIGHT

    @classmethod
    def read(cls, row: Row[*tuple[Any, ...]]) -> Self:
        """From ``PLACE_COLUMNS``."""
        return cls(
            row.id,
            row.rollout_id,
            row.device_pk,
            row.wave,
            DeviceState(row.state),
            row.attempts,
            row.version,
            row.consented,
        )


# word for word as the partial index has it, so that SQLite sees that it fits
_IS_OPEN: Final = text(f"rollout_devices.state IN {OPEN_STATES}")
PLACE_COLUMNS: Final = tuple(rollout_devices.c[field.name] for field in fields(Place))

# built once: to build a statement takes as long as to run it
_MINE: Final = select(rollouts).where(rollouts.c.id == bindparam("rollout_id"))
_LOCK: Final = _MINE.with_for_update(key_share=True)
_LOCK_OR_SKIP: Final = _MINE.with_for_update(key_share=True, skip_locked=True)
_WAVES: Final = select(rollout_waves.c.number, *(rollout_waves.c[name] for name in _COUNTERS)).where(
    rollout_waves.c.rollout_id == bindparam("rollout_id")
)
_OPEN_PLACES: Final = select(*PLACE_COLUMNS).where(
    rollout_devices.c.device_pk == bindparam("device_pk"), _IS_OPEN
)


@lru_cache(maxsize=256)
def read_plan(text: str) -> RolloutPlan:
    """A plan that the database keeps.

    Raises:
        DatabaseUnavailableError: a newer version wrote it, or a time zone is not known on this machine.
            It is nothing that a device did wrong, so it is not to drop its report for it.
    """
    try:
        return RolloutPlan.from_json(text)
    except InvalidError as e:
        raise DatabaseUnavailableError(f"a rollout cannot be read by this version: {e}") from e


class Ledger:
    """One rollout, locked until the end of the transaction. Nothing is kept without ``save``.

    Attributes:
        waves: by number.
    """

    def __init__(
        self, connection: Connection, row: Row[*tuple[Any, ...]], waves: dict[int, WaveCounts]
    ) -> None:
        self._connection = connection
        self._row = row
        self._saved = dict(waves)
        self.waves = waves
        self.id = int(row.id)
        self.plan = read_plan(row.plan)
        self.salt = str(row.salt)
        self.state = RolloutState(row.state)
        self.wave = int(row.wave)
        self.reason = str(row.reason)
        self._happened: list[Event] = []

    @classmethod
    def open(cls, connection: Connection, rollout_id: int, *, skip_locked: bool = False) -> Self | None:
        """Lock a rollout.

        Args:
            connection: in a transaction that writes.
            rollout_id: which.
            skip_locked: do not wait for another process.

        Returns:
            None if there is no such rollout, or another process has it.
        """
        mine = {"rollout_id": rollout_id}
        row = connection.execute(_LOCK_OR_SKIP if skip_locked else _LOCK, mine).first()
        if row is None:
            return None
        waves = {wave.number: WaveCounts(*wave) for wave in connection.execute(_WAVES, mine)}
        return cls(connection, row, waves)

    @property
    def in_flight(self) -> int:
        """How many devices hold a place."""
        return sum(wave.assigned for wave in self.waves.values())

    @property
    def has_room(self) -> bool:
        """Whether another device may take a place (B08)."""
        return self.in_flight < int(self._row.max_in_flight)

    @property
    def starts_at(self) -> int:
        """Seconds since 1970."""
        return int(self._row.starts_at)

    @property
    def opened(self) -> tuple[WaveCounts, ...]:
        """The waves that are open."""
        return tuple(wave for number, wave in sorted(self.waves.items()) if number <= self.wave)

    def happen(self, event: Event, reason: str = "") -> None:
        """Change the rollout's state.

        Raises:
            ConflictError: that cannot happen in the state that it is in.
        """
        self.state, self.reason = after(self.state, event), reason
        self._happened.append(event)

    def withdraw_pending(self, *, now: datetime) -> None:
        """Let those that wait wait no more."""
        self.move_all([DeviceState.PENDING], DeviceState.WITHDRAWN, now=now)

    def move(self, place: Place, state: DeviceState, *, now: datetime, **values: object) -> None:
        """Change the state of one device, and what else its row says."""
        changed = {"state": state.value, "changed_at": int(now.timestamp()), **values}
        self._connection.execute(update(rollout_devices).filter_by(id=place.id).values(changed))
        self._count(place.wave, place.state, state)

    def move_all(
        self,
        states: Sequence[DeviceState],
        state: DeviceState,
        *where: ColumnElement[bool],
        now: datetime,
    ) -> int:
        """Change the state of all devices that are in one of ``states``; returns how many.

        A device whose report is being written at this moment is left out: to wait for it could wait for
        ever, as its transaction may come to wait for us.
        """
        wanted = (
            select(rollout_devices.c.id, rollout_devices.c.wave, rollout_devices.c.state)
            .where(
                rollout_devices.c.rollout_id == self.id,
                rollout_devices.c.wave.in_(self.waves),
                rollout_devices.c.state.in_(states),
                *where,
            )
            .with_for_update(skip_locked=True, key_share=True)
        )
        found = self._connection.execute(wanted).all()
        values = {"state": state.value, "changed_at": int(now.timestamp())}
        for start in range(0, len(found), _BATCH):
            ids = [row.id for row in found[start : start + _BATCH]]
            these = rollout_devices.c.id.in_(bindparam("ids", ids, expanding=True))
            self._connection.execute(update(rollout_devices).where(these).values(values))
        for row in found:
            self._count(row.wave, DeviceState(row.state), state)
        return len(found)

    def add(self, device_pk: int, wave: int, state: DeviceState, *, now: datetime) -> None:
        """Make a device a member."""
        row = {
            "rollout_id": self.id,
            "device_pk": device_pk,
            "wave": wave,
            "state": state.value,
            "changed_at": int(now.timestamp()),
        }
        self._connection.execute(insert(rollout_devices).values(row))
        self._count(wave, None, state)

    def remove(self, place: Place) -> None:
        """Forget a member."""
        self._connection.execute(delete(rollout_devices).filter_by(id=place.id))
        self._count(place.wave, place.state, None)

    def save(self, *, now: datetime) -> None:
        """Write the counters and the rollout as they are now, and tell what happened to it."""
        for number, wave in self.waves.items():
            if wave != self._saved[number]:
                counters = {name: getattr(wave, name) for name in _COUNTERS}
                mine = update(rollout_waves).filter_by(rollout_id=self.id, number=number)
                self._connection.execute(mine.values(counters))
        changed: dict[str, object] = {}
        if taken := self.in_flight - self._row.in_flight:
            # as a difference: should a lock ever fail, the table's own limit still holds (B08)
            changed["in_flight"] = rollouts.c.in_flight + taken
        if (self.state, self.wave) != (self._row.state, self._row.wave):
            changed |= {
                "state": self.state.value,
                "wave": self.wave,
                "reason": self.reason,
                "revision": self._row.revision + 1,
                "changed_at": int(now.timestamp()),
            }
        if changed:
            self._connection.execute(update(rollouts).filter_by(id=self.id).values(changed))
        for kind in filter(None, map(TOLD.get, self._happened)):
            record(self._connection, told(self, kind), now=now)
        self._happened.clear()

    def _count(self, wave: int, old: DeviceState | None, new: DeviceState | None) -> None:
        self.waves[wave] = self.waves[wave].moved(old, new)


def open_ledger(connection: Connection, rollout_id: int) -> Ledger:
    """Lock a rollout.

    Raises:
        NotFoundError: there is none.
    """
    ledger = Ledger.open(connection, rollout_id)
    if ledger is None:
        raise NotFoundError(f"expected the id of a rollout, got {rollout_id}")
    return ledger


def open_places(connection: Connection, device_pk: int) -> list[Place]:
    """A device's places in rollouts that are not over for it."""
    return [Place.read(row) for row in connection.execute(_OPEN_PLACES, {"device_pk": device_pk})]
