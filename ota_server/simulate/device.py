"""One simulated device: what it is, and how it goes through its life on the server's word.

It takes assignments as hints, as a real one does: what it runs is what ``Verdicts`` said of it.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from ota_client.errors import FetchError, OtaError, RefusedError, VerificationError
from ota_client.formats.strict import canonical_json
from ota_client.formats.version import Version
from ota_client.protocol import Assignment, CheckIn, CheckInAnswer, Inventory, Report, ReportState
from ota_client.recovery import Phase
from ota_server.simulate.behaviour import Behaviour, Fate
from ota_server.simulate.report_queue import ReportQueue
from ota_server.simulate.session import Session, TurnedAwayError
from ota_server.simulate.tally import Standing, Tally
from ota_server.simulate.verdicts import Start, Verdicts

_SIMULATED_FAILURE = ("storage", "simulated: the slot could not be written")
_KNOWN_BAD = ("known-bad-release", "simulated: this device fell back from it before")


@dataclass(slots=True)
class State:
    """What a device keeps over a restart.

    Attributes:
        bad: releases that it fell back from, and never tries again (D12).
        consent: the assignment that its owner agreed to.
    """

    runs: Start
    root_version: int = 0
    phase: Phase = Phase.IDLE
    bad: set[Version] = field(default_factory=set)
    consent: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all devices share."""

    behaviour: Behaviour
    verdicts: Verdicts
    tally: Tally
    clock: Callable[[], datetime]


class Device:
    """One device; ``live`` runs until it is cancelled or turned away for good.

    Args:
        session: its way to the server.
        start: what the factory installed.
        random: its own.
    """

    def __init__(
        self, session: Session, start: Start, random: Random, surroundings: Surroundings
    ) -> None:
        self.session = session
        self.state = State(start)
        self.queue = ReportQueue(f"{random.getrandbits(128):032x}")
        self.claims: dict[int, Version] = {}
        self._random, self._around = random, surroundings
        self._standing: Standing | None = None
        self._inventory = self._take_inventory()
        self._stand(Standing.ENROLLING)

    async def live(self) -> None:
        """Enrol, then check in for ever."""
        try:
            await self.session.enrol()
            self._stand(Standing.WAITING)
            while True:
                await self._wait_real(await self._poll())
        except TurnedAwayError:
            self._stand(Standing.TURNED_AWAY)

    async def _poll(self) -> float:
        """One visit, and what follows from it; returns after how many real seconds to come again."""
        async with self.session.visit():
            await self._send_reports()
            answer = await self._check_in()
            if answer.assignment is None or answer.assignment.consent_wanted:
                return self._next_visit_s(answer)
            assignment = self._claimed(answer.assignment)
            if assignment.version in self.state.bad:
                self._end(ReportState.REFUSED, Standing.REFUSED, assignment, *_KNOWN_BAD)
                await self._send_reports()
                return self._next_visit_s(answer)
        await self._update(assignment)
        return 0.0

    async def _check_in(self) -> CheckInAnswer:
        state = self.state
        answer = await self.session.check_in(
            CheckIn(
                state.runs.version,
                state.runs.rollback_index,
                state.phase.value,
                state.root_version,
                self._inventory_sha256(),
                state.consent,
            )
        )
        if answer.inventory_wanted:
            await self.session.send_inventory(self._inventory)
        return answer

    def _next_visit_s(self, answer: CheckInAnswer) -> float:
        if answer.assignment is not None and answer.assignment.consent_wanted:
            # the owner is asked, and agrees; the next check-in says so
            self.state.consent = answer.assignment.id
            return self._around.behaviour.real_s(self._random, 10.0)
        return answer.check_in_after_s / self._around.behaviour.time_factor

    def _claimed(self, assignment: Assignment) -> Assignment:
        self.claims[assignment.id] = assignment.version
        self._around.tally.assignments += 1
        self._stand(Standing.UPDATING)
        return assignment

    async def _update(self, assignment: Assignment) -> None:
        behaviour = self._around.behaviour
        fate = behaviour.fate(self._random, assignment.version)
        self._report(ReportState.DOWNLOADING, assignment)
        if fate is Fate.VANISHES:
            self._stand(Standing.OFFLINE)
            await self._wait(behaviour.offline_s)
            self._stand(Standing.UPDATING)
        await self._deliver()
        await self._wait(behaviour.download_s)
        try:
            verdict = await self._around.verdicts.of(
                self.state.runs, assignment.version, self.session.who.device_id
            )
        except FetchError:
            return  # the next check-in brings the assignment again
        if verdict.refusal is not None:
            self._refuse(assignment, verdict.refusal)
        elif fate is Fate.FAILS:
            self._end(ReportState.FAILED, Standing.FAILED, assignment, *_SIMULATED_FAILURE)
        else:
            self.state.root_version = verdict.root_version
            await self._restart(assignment, verdict.rollback_index, fate)
        await self._deliver()

    async def _restart(self, assignment: Assignment, rollback_index: int, fate: Fate) -> None:
        self.state.phase = Phase.INSTALLED
        self._report(ReportState.INSTALLED, assignment)
        await self._deliver()
        await self._wait(self._around.behaviour.boot_s)
        self.state.phase = Phase.IDLE
        if fate is Fate.FALLS_BACK:
            self.state.bad.add(assignment.version)
            self._end(ReportState.FELL_BACK, Standing.FELL_BACK, assignment)
            return
        self._report(ReportState.TRIAL, assignment)
        before = self.state.runs
        self.state.runs = Start(before.product, before.hardware_id, assignment.version, rollback_index)
        self._inventory = self._take_inventory()
        self._end(ReportState.CONFIRMED, Standing.UPDATED, assignment)

    def _refuse(self, assignment: Assignment, refusal: OtaError) -> None:
        refused = isinstance(refusal, (RefusedError, VerificationError))
        state = ReportState.REFUSED if refused else ReportState.FAILED
        standing = Standing.REFUSED if refused else Standing.FAILED
        self._end(state, standing, assignment, refusal.code, str(refusal))

    def _end(
        self,
        state: ReportState,
        standing: Standing,
        assignment: Assignment,
        code: str = "",
        detail: str = "",
    ) -> None:
        # before the report goes out: the server gives the place to another when it comes in
        self._stand(standing)
        self.state.consent = None
        self._report(state, assignment, code, detail)

    def _report(
        self, state: ReportState, assignment: Assignment, code: str = "", detail: str = ""
    ) -> None:
        self._around.tally.reports += 1
        self.queue.add(
            Report(
                self.queue.next_sequence,
                self._around.clock(),
                state,
                assignment.version,
                assignment.id,
                code,
                detail,
            )
        )

    async def _deliver(self) -> None:
        """Report in a visit of its own."""
        async with self.session.visit():
            await self._send_reports()

    async def _send_reports(self) -> None:
        tally = self._around.tally
        while batch := self.queue.batch():
            accepted = await self.session.send_reports(self.queue.stream, batch)
            tally.reports_acknowledged += self.queue.accept(accepted)

    def _take_inventory(self) -> Inventory:
        version = str(self.state.runs.version)
        region = ("eu", "us", "asia")[self._random.randrange(3)]
        if self._standing is not None:
            region = str(self._inventory.attributes["region"])
        slot: dict[str, str | bool | None] = {"name": "A", "version": version}
        flags = {"booted": True, "good": True, "bootable": True}
        return Inventory({"region": region, "simulated": True}, (slot | flags,))

    def _inventory_sha256(self) -> str:
        return hashlib.sha256(canonical_json(self._inventory.to_fields())).hexdigest()

    def _stand(self, standing: Standing) -> None:
        self._around.tally.move(self._standing, standing)
        self._standing = standing

    async def _wait(self, simulated_s: float) -> None:
        await self._wait_real(self._around.behaviour.real_s(self._random, simulated_s))

    async def _wait_real(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
