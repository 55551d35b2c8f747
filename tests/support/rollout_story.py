"""A rollout over a small fleet, told step by step; the counters are recounted after each."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from ota_client.protocol import Assignment, ReportState
from ota_server.database.database import Database
from ota_server.rollouts import joining, rollout
from ota_server.rollouts.answers import answer
from ota_server.rollouts.claim import claim, held
from ota_server.rollouts.penalty import FleetRules
from ota_server.rollouts.preview import preview
from ota_server.rollouts.states import DeviceState
from ota_server.rollouts.stepping import step
from support import fleet


class RolloutStory:
    """Devices ``cam-0`` and on in the group ``all``, releases 1.1.0 and 1.2.0, and a clock.

    Args:
        where: a folder for SQLite, or a database with tables.
        devices: how many.
    """

    def __init__(self, where: Path | Database, devices: int = 10) -> None:
        self.database = where if isinstance(where, Database) else fleet.open_database(where)
        self.now = fleet.NOW
        self.rules = FleetRules()
        self.releases = fleet.Releases()
        for version in ("1.1.0", "1.2.0"):
            self.releases.put(version)
        self.device_ids = [f"cam-{number}" for number in range(devices)]
        with self.database.begin() as connection:
            pks = fleet.add_devices(connection, self.device_ids) if devices else []
            self.group_id = fleet.add_group(connection, pks)
        self.pks = dict(zip(self.device_ids, pks, strict=True))

    # what the operator does

    def create(self, *waves, **values):
        return self._do(
            rollout.create, fleet.make_plan(*waves, **values), catalog=self.releases, now=self.now
        )

    def preview(self, *waves, **values):
        plan = fleet.make_plan(*waves, **values)
        return self._do(preview, plan, catalog=self.releases, now=self.now)

    def pause(self, rollout_id=1):
        return self._do(rollout.pause, rollout_id, now=self.now)

    def resume(self, rollout_id=1):
        return self._do(rollout.resume, rollout_id, now=self.now)

    def abort(self, rollout_id=1):
        return self._do(rollout.abort, rollout_id, now=self.now)

    def retry(self, rollout_id=1, **values):
        return self._do(rollout.retry, rollout_id, now=self.now, **values)

    def show(self, rollout_id=1):
        return self._do(rollout.find, rollout_id)

    # what happens

    def later(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self._do(step, now=self.now)

    def join(self, device_id: str, **values: object) -> None:
        with self.database.begin() as connection:
            if device_id not in self.pks:
                self.pks[device_id] = fleet.add_device(connection, device_id, **values)
            joining.joined(connection, self.group_id, self.pks[device_id], now=self.now)
        self._check()

    def leave(self, device_id: str) -> None:
        self._do(joining.left, self.group_id, self.pks[device_id], now=self.now)

    def revoke(self, device_id: str) -> None:
        self._do(joining.withdraw, self.pks[device_id], now=self.now)

    def decommission(self, device_id: str) -> None:
        self._do(joining.forget, self.pks[device_id], now=self.now)

    def here(self, device_id: str) -> None:
        """It checks in, a second from now."""
        self.now += timedelta(seconds=1)
        self._do(fleet.put_seen, self.pks[device_id], self.now)

    def set(self, device_id: str, **values: object) -> None:
        self._do(fleet.set_device, self.pks[device_id], **values)

    # what devices do

    def claim(self, device_id: str, rollout_id=1, *, consented=False) -> Assignment | None:
        place = self.place(device_id, rollout_id)
        assert place is not None, f"{device_id} is no member"
        return self._do(claim, place.id, now=self.now, consented=consented)

    def held(self, device_id: str) -> Assignment | None:
        return self._do(held, self.pks[device_id])

    def tell(
        self, device_id: str, *words: ReportState, rollout_id=1, version="1.1.0", code=""
    ) -> DeviceState:
        """Report one or more states; returns the state that the rollout has of the device then."""
        pk = self.pks[device_id]
        with self.database.begin() as connection:
            assignment = fleet.places(connection, rollout_id, device_id)[device_id].id
            for word in words:
                said = fleet.report(assignment, word, version, code=code)
                answer(connection, pk, said, now=self.now, rules=self.rules)
            state = fleet.places(connection, rollout_id, device_id)[device_id].state
        self._check()
        return DeviceState(state)

    def update(self, device_ids: Sequence[str], *words: ReportState, rollout_id=1) -> None:
        """Claim and report, for each device; a success unless words are given."""
        for device_id in device_ids:
            assert self.claim(device_id, rollout_id), f"{device_id} got nothing"
            self.tell(device_id, *(words or (ReportState.CONFIRMED,)), rollout_id=rollout_id)

    def place(self, device_id: str, rollout_id=1):
        with self.database.read() as connection:
            return fleet.places(connection, rollout_id, device_id).get(device_id)

    def of_wave(self, number: int, rollout_id=1) -> list[str]:
        with self.database.read() as connection:
            places = fleet.places(connection, rollout_id)
        return sorted(device_id for device_id, row in places.items() if row.wave == number)

    def states(self, rollout_id=1) -> dict[str, str]:
        with self.database.read() as connection:
            return {name: row.state for name, row in fleet.places(connection, rollout_id).items()}

    def _do(self, act, *arguments, **values):
        with self.database.begin() as connection:
            done = act(connection, *arguments, **values)
        self._check()
        return done

    def _check(self) -> None:
        with self.database.read() as connection:
            assert fleet.miscounted(connection) == []
