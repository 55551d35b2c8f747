"""One simulated device's requests, over a network that loses some: tried again until answered."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Final

from ota_client import protocol
from ota_client.protocol import CheckIn, CheckInAnswer, Enrolment, Inventory, Report
from ota_server.simulate.behaviour import Behaviour, Fault
from ota_server.simulate.keys import DeviceKey
from ota_server.simulate.tally import Tally
from ota_server.simulate.wire import Answer, Connection, LostError, Wire

_BACK_OFF_S: Final = 0.2
_BACK_OFF_MOST_S: Final = 10.0
_DOUBLINGS_MOST: Final = 10
_NO_ANSWER: Final = 0


class TurnedAwayError(Exception):
    """The server refuses this device for good: it is not enrolled, or was revoked."""


@dataclass(frozen=True, slots=True)
class Network:
    """What all devices' sessions share.

    Attributes:
        room: how many devices may be connected at a time.
        monotonic: seconds, for the time that answers take.
    """

    wire: Wire
    token: str
    behaviour: Behaviour
    tally: Tally
    room: asyncio.Semaphore
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Who:
    """What a device says of itself when it enrols."""

    device_id: str
    product: str
    hardware_id: str


class Session:
    """The requests of one device.

    Args:
        who: what it says of itself when it enrols.
        address: of the network it comes from, where a proxy tells.
        random: its own.
        network: common to all.

    Attributes:
        key: made on the device; its identity.
        certificate: what the server made for the key; empty before the enrolment is acknowledged.
    """

    def __init__(self, who: Who, address: str, random: Random, network: Network) -> None:
        self.who = who
        self.key = DeviceKey.new()
        self.certificate = ""
        self._address, self._random, self._network = address, random, network
        self._identity = network.wire.stranger(address)
        self._connection: Connection | None = None

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[None]:
        """Keep one connection for what is asked within."""
        async with self._network.room:
            try:
                yield
            finally:
                self._hang_up()

    async def enrol(self) -> None:
        """Ask for a certificate with the token; raises ``TurnedAwayError``."""
        body = {
            "token": self._network.token,
            "device_id": self.who.device_id,
            "product": self.who.product,
            "hardware_id": self.who.hardware_id,
            "csr": self.key.signing_request(self.who.device_id),
        }
        async with self.visit():
            answer = await self._ask("POST", protocol.ENROL, body)
        self.certificate = Enrolment.parse(answer.body).certificate
        self._identity = self._network.wire.identity(self._address, self.certificate, self.key.pem())

    async def check_in(self, check_in: CheckIn) -> CheckInAnswer:
        """Check in; raises ``TurnedAwayError``."""
        answer = await self._ask("POST", protocol.CHECK_IN, check_in.to_fields())
        return CheckInAnswer.parse(answer.body)

    async def send_inventory(self, inventory: Inventory) -> None:
        """Send attributes and slots; raises ``TurnedAwayError``."""
        await self._ask("PUT", protocol.ATTRIBUTES, inventory.to_fields())

    async def send_reports(self, stream: str, reports: Sequence[Report]) -> int:
        """Send reports; up to which the server has counted them. Raises ``TurnedAwayError``."""
        body = {"stream": stream, "reports": [report.to_fields() for report in reports]}
        return protocol.parse_accepted((await self._ask("POST", protocol.REPORTS, body)).body)

    async def _ask(self, method: str, path: str, body: object) -> Answer:
        """Ask until there is an answer to go by."""
        route, failures = path.rpartition("/")[2], 0
        while True:
            try:
                answer = await self._attempt(method, path, route, body)
            except LostError:
                self._hang_up()
                retry_after_s = 0.0
            else:
                if answer.status < HTTPStatus.BAD_REQUEST:
                    return answer
                if not _may_pass(answer.status):
                    raise TurnedAwayError(f"{route}: {answer.status} {answer.body}")
                retry_after_s = answer.retry_after_s
            self._network.tally.retries += 1
            await asyncio.sleep(max(retry_after_s, self._back_off_s(failures)))
            failures += 1

    async def _attempt(self, method: str, path: str, route: str, body: object) -> Answer:
        network = self._network
        fault = network.behaviour.fault(self._random)
        network.tally.faults += fault is not Fault.NONE
        if fault is Fault.UNREACHED:
            raise LostError(f"{path}: simulated: it was not sent")
        began_s = network.monotonic()
        try:
            if self._connection is None:
                self._connection = await network.wire.connect(self._identity)
            answer = await self._connection.ask(method, path, body)
            if fault is Fault.TWICE:
                answer = await self._connection.ask(method, path, body)
        except LostError:
            network.tally.answered(route, _NO_ANSWER, 0.0)
            raise
        network.tally.answered(route, answer.status, network.monotonic() - began_s)
        if fault is Fault.ANSWER_LOST:
            raise LostError(f"{path}: simulated: the answer was lost")
        return answer

    def _back_off_s(self, failures: int) -> float:
        doubled = _BACK_OFF_S * 2.0 ** min(failures, _DOUBLINGS_MOST)
        return min(doubled, _BACK_OFF_MOST_S) * (0.5 + self._random.random())

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _may_pass(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
