"""A check-in: what a device is told, for one look-up where nothing has changed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from ota_client import protocol
from ota_client.formats.version import Version
from ota_client.protocol import Assignment
from ota_client.recovery import Phase
from ota_server.checkin.lookup import Candidate, CheckInLookup, Found
from ota_server.checkin.plans import Plans
from ota_server.database.database import Database
from ota_server.devices.changes import record_check_in
from ota_server.rollouts.claim import claim
from ota_server.rollouts.eligibility import DeviceFacts, Standing, standing
from ota_server.rollouts.plan import RolloutPlan
from ota_server.rollouts.windows import is_open

# A device that updates is asked to come so much more often: to hear of an abort, and to be seen.
_BUSY_SHARE: Final = 0.2
_SOONEST_S: Final = 10
_LATEST_S: Final = 30 * 86_400


class Outcome(StrEnum):
    """What a check-in came to, for the metrics."""

    NOTHING = "nothing"
    HELD = "held"
    CLAIMED = "claimed"
    CONSENT_WANTED = "consent_wanted"


class Said(Protocol):
    """What a device says of itself, not yet in the domain's words: mostly nothing of it is new."""

    @property
    def running_version(self) -> str:
        """As ``protocol.CheckIn``, as text."""

    @property
    def rollback_index(self) -> int:
        """The stored one."""

    @property
    def phase(self) -> str:
        """As ``protocol.CheckIn``."""

    @property
    def root_version(self) -> int:
        """As ``protocol.CheckIn``."""

    @property
    def inventory(self) -> str:
        """As ``protocol.CheckIn``."""

    @property
    def agreed(self) -> int | None:
        """The assignment that the owner agreed to."""

    def to_check_in(self) -> protocol.CheckIn:
        """In the domain's words."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often devices are asked to come.

    Attributes:
        check_in_s: on average.
        jitter: share of it by which each time differs, so that a fleet does not come all at once.
        random: from 0 to 1.
    """

    check_in_s: int
    jitter: float
    random: Callable[[], float]

    def usual_s(self) -> int:
        """When to come again if nothing is due."""
        return self._bounded(self.check_in_s)

    def busy_s(self) -> int:
        """When to come again in the middle of an update."""
        return self._bounded(min(self.check_in_s, max(_SOONEST_S, self.check_in_s * _BUSY_SHARE)))

    def _bounded(self, mean_s: float) -> int:
        spread = 1 + self.jitter * (2 * self.random() - 1)
        return min(_LATEST_S, max(1, round(mean_s * spread)))


@dataclass(frozen=True, slots=True)
class CheckIns:
    """Answers check-ins.

    Args:
        lookup: finds devices, and notes that they were here.
        database: for what has changed, and for claims: in threads.
        plans: of rollouts.
        pace: when devices are to come again.
    """

    lookup: CheckInLookup
    database: Database
    plans: Plans
    pace: Pace

    async def answer(
        self, found: Found, key_sha256: str, said: Said, *, now: datetime
    ) -> tuple[protocol.CheckInAnswer, Outcome]:
        """Decide what the device is told.

        Args:
            found: what the look-up told of it.
            key_sha256: to look it up again, if what it says is new: that may have put it into a rollout.
            said: by the device.
            now: UTC.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        self.lookup.seen(found.device_pk, int(now.timestamp()))
        if _is_new(found, said):
            await self.database.threads.run(self._record, found.device_pk, said.to_check_in(), now)
            found = await self.lookup.find(key_sha256) or found
        inventory_wanted = found.inventory_sha256 != said.inventory
        if not found.candidates:
            return _answer(None, self.pace.usual_s(), inventory_wanted), Outcome.NOTHING
        assignment, outcome, after_s = await self._offer(found, said, now)
        return _answer(assignment, after_s, inventory_wanted), outcome

    async def _offer(
        self, found: Found, said: Said, now: datetime
    ) -> tuple[Assignment | None, Outcome, int]:
        held = found.held
        if held is not None:
            assignment = held_assignment(held)
            return assignment, Outcome.HELD if assignment else Outcome.NOTHING, self.pace.busy_s()
        if found.phase == Phase.IDLE and found.penalty_until <= now.timestamp():
            return await self._first(found, said.agreed, now)
        return None, Outcome.NOTHING, self.pace.usual_s()

    async def _first(
        self, found: Found, agreed: int | None, now: datetime
    ) -> tuple[Assignment | None, Outcome, int]:
        """The first place that can be had; if none can, the first that the owner is to be asked about.

        A rollout that waits for an owner must not hide the others.
        """
        asked: Assignment | None = None
        for candidate in found.candidates:
            plan = await self._open_plan(candidate, now)
            if plan is None:
                continue
            assignment = _question(plan, candidate, found, agreed) or await self.database.threads.run(
                self._claim, candidate, agreed, now
            )
            if assignment is not None and not assignment.consent_wanted:
                return assignment, Outcome.CLAIMED, self.pace.busy_s()
            asked = asked or assignment
        if asked is not None:
            return asked, Outcome.CONSENT_WANTED, self.pace.busy_s()
        return None, Outcome.NOTHING, self.pace.usual_s()

    async def _open_plan(self, candidate: Candidate, now: datetime) -> RolloutPlan | None:
        """The plan, if a claim is worth its transaction; that decides by itself, and once more (B08)."""
        if not candidate.open:
            return None
        plan = await self.plans.get(candidate.rollout_id, candidate.revision)
        return plan if plan is not None and is_open(plan.windows, now) else None

    def _record(self, device_pk: int, check_in: protocol.CheckIn, now: datetime) -> None:
        with self.database.begin() as connection:
            record_check_in(connection, device_pk, check_in, now=now)

    def _claim(self, candidate: Candidate, agreed: int | None, now: datetime) -> Assignment | None:
        consented = candidate.consented or agreed == candidate.rollout_device_id
        with self.database.begin() as connection:
            return claim(connection, candidate.rollout_device_id, now=now, consented=consented)


def _question(
    plan: RolloutPlan, candidate: Candidate, device: Found, agreed: int | None
) -> Assignment | None:
    """What the owner is to be asked; it takes no place, so it costs no transaction either."""
    if plan.forced or candidate.consented or agreed == candidate.rollout_device_id:
        return None
    running = None if device.running_version is None else Version.parse(device.running_version)
    facts = DeviceFacts(not device.denied, device.hardware_id, running, device.rollback_index)
    stands = standing(plan, facts)
    release = plan.stone if stands is Standing.OFFER_STONE else plan.release
    if release is None or stands not in {Standing.OFFER, Standing.OFFER_STONE}:
        return None
    return Assignment(candidate.rollout_device_id, release.version, consent_wanted=True)


def held_assignment(held: Candidate) -> Assignment | None:
    """What a device has got and has not answered to the end; None if it was called back."""
    if not held.open or held.version is None:
        return None
    return Assignment(held.rollout_device_id, Version.parse(held.version), consent_wanted=False)


def _is_new(found: Found, said: Said) -> bool:
    return (
        found.running_version != said.running_version
        or found.phase != said.phase
        or found.rollback_index != said.rollback_index
        or found.root_version != said.root_version
    )


def _answer(
    assignment: Assignment | None, after_s: int, inventory_wanted: bool
) -> protocol.CheckInAnswer:
    return protocol.CheckInAnswer(assignment, after_s, inventory_wanted=inventory_wanted)
