"""The simulation: so many devices at once, watched until they are done."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from ota_server.simulate.behaviour import Behaviour
from ota_server.simulate.device import Device, Surroundings
from ota_server.simulate.session import Network, Session, Who
from ota_server.simulate.summary import Summary
from ota_server.simulate.tally import Sample, Standing, Tally
from ota_server.simulate.verdicts import Start, Verdicts
from ota_server.simulate.wire import Wire

_STIRRING = (Standing.ENROLLING, Standing.UPDATING, Standing.OFFLINE)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Which devices, for how long.

    Attributes:
        start: what the factory installed on each.
        prefix: of the device ids.
        seed: of all that is drawn; the same seed draws the same lives.
        connections_most: devices that are connected at a time.
        duration_s: when the simulation ends.
        quiet_s: it ends earlier when no device did anything but check in for so long; None: it does not.
        sample_s: how often the fleet is looked at.
    """

    devices: int
    start: Start
    prefix: str
    seed: int
    duration_s: float
    quiet_s: float | None = None
    connections_most: int = 200
    sample_s: float = 0.5


class Fleet:
    """Simulated devices before a real server; make it where an event loop runs.

    Args:
        plan: which devices, for how long.
        behaviour: how they fare.
        wire: the way to the server.
        token: for enrolment; without one there is no device.
        verdicts: what the device's own code makes of releases.
        clock: the devices', UTC.

    Attributes:
        devices: each with its queue and its claims, for whoever audits the server afterwards.
    """

    def __init__(
        self,
        plan: FleetPlan,
        behaviour: Behaviour,
        wire: Wire,
        token: str,
        verdicts: Verdicts,
        clock: Callable[[], datetime],
    ) -> None:
        self._plan, self._verdicts = plan, verdicts
        self.tally = Tally()
        room = asyncio.Semaphore(plan.connections_most)
        network = Network(wire, token, behaviour, self.tally, room, time.monotonic)
        around = Surroundings(behaviour, verdicts, self.tally, clock)
        self.devices = tuple(self._device(number, network, around) for number in range(plan.devices))
        self.samples: list[Sample] = []
        self._done = asyncio.Event()
        # what was done so far besides checking in, and when something last was
        self._deeds, self._stirred_at_s = 0, 0.0

    async def run(
        self,
        on_sample: Callable[[Sample], None] = lambda _: None,
        when_enrolled: Callable[[], None] = lambda: None,
    ) -> Summary:
        """Let all devices live until the plan's end; returns what was seen.

        Args:
            on_sample: told of the fleet, over and over.
            when_enrolled: called once, in a thread, when every device has enrolled.
        """
        lives = [asyncio.create_task(device.live()) for device in self.devices]
        try:
            await self._watch(lives, on_sample, when_enrolled)
        finally:
            for life in lives:
                life.cancel()
            ended = await asyncio.gather(*lives, return_exceptions=True)
        _raise_first(ended)
        return Summary(self.tally, tuple(self.samples), self._verdicts.verified)

    def stop(self) -> None:
        """End the simulation at the next sample."""
        self._done.set()

    async def _watch(
        self,
        lives: "list[asyncio.Task[None]]",
        on_sample: Callable[[Sample], None],
        when_enrolled: Callable[[], None],
    ) -> None:
        began_s, told = time.monotonic(), False
        while True:
            at_s = time.monotonic() - began_s
            self._look(at_s, on_sample)
            _raise_first(life.exception() for life in lives if life.done())
            if not told and not self.tally.standings[Standing.ENROLLING]:
                await asyncio.to_thread(when_enrolled)
                told, self._stirred_at_s = True, at_s
            if self._is_over(at_s) or all(life.done() for life in lives):
                return
            await _until(self._done, self._plan.sample_s)

    def _look(self, at_s: float, on_sample: Callable[[Sample], None]) -> None:
        before, self._deeds = self._deeds, self.tally.assignments + self.tally.reports_acknowledged
        if self._deeds != before or any(self.tally.standings[standing] for standing in _STIRRING):
            self._stirred_at_s = at_s
        self.samples.append(self.tally.sample(at_s, self.samples[-1] if self.samples else None))
        on_sample(self.samples[-1])

    def _is_over(self, at_s: float) -> bool:
        quiet_s = self._plan.quiet_s
        is_quiet = quiet_s is not None and at_s - self._stirred_at_s >= quiet_s
        return is_quiet or at_s >= self._plan.duration_s or self._done.is_set()

    def _device(self, number: int, network: Network, around: Surroundings) -> Device:
        start = self._plan.start
        device_id = f"{self._plan.prefix}{number:05d}"
        random = Random(f"{self._plan.seed}:{device_id}")  # noqa: S311 - a simulation, to be repeated
        who = Who(device_id, start.product, start.hardware_id)
        # of the addresses that providers share out (RFC 6598): devices come from different places
        address = f"100.{64 + number // 65536}.{number // 256 % 256}.{number % 256}"
        session = Session(who, address, random, network)
        return Device(session, start, random, around)


def _raise_first(ended: Iterable[BaseException | None]) -> None:
    """A device whose life broke off is a fault of the simulator, not of the server."""
    for failure in ended:
        if isinstance(failure, Exception) and not isinstance(failure, asyncio.CancelledError):
            raise failure


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
