"""An update server in memory: takes what the real one takes, and counts each report once."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from msgspec.json import Decoder

from ota_client.errors import ResponseTooLongError
from ota_client.fleet.consent import Consent
from ota_client.fleet.member import FleetMember, Membership
from ota_client.fleet.report_queue import ReportQueue
from ota_client.fleet.server import UpdateServer
from ota_client.fleet.settings import ServerSettings
from ota_client.protocol import ATTRIBUTES, CHECK_IN, REPORTS
from ota_client.testing import SimulatedDevice
from ota_server.web import shapes

URL = "https://fleet.example"
FINAL = {"confirmed", "fell_back", "failed", "refused"}


class MemoryFleetServer:
    """A line that is a server, and a link that leads to it.

    Attributes:
        assignment: what the next check-in is answered with, such as ``(7, "1.1.0")``; None for nothing.
        consent_wanted: of the assignment, until the device consents.
        answers: by path, an answer in place of the honest one: bytes, or an error to raise.
        answered: called when the server has done its part, and the device has not heard of it.
        counted: each report that was counted, in order, as its fields.
        check_ins: what devices said of themselves.
    """

    def __init__(self) -> None:
        self.assignment: tuple[int, str] | None = None
        self.consent_wanted = False
        self.check_in_after_s = 60
        self.answers: dict[str, bytes | Exception] = {}
        self.counted: list[dict] = []
        self.check_ins: list[dict] = []
        self.requests: list[str] = []
        self.inventory: dict | None = None
        self.inventory_sha256 = ""
        self.answered = lambda: None
        self._highest: Counter[str] = Counter()

    # the link

    def server(self) -> UpdateServer:
        return UpdateServer(self, URL)

    def renew_if_due(self, _now) -> None:
        """A certificate for ever."""

    # the line

    def send(self, method: str, url: str, body: bytes, *, max_bytes: int) -> bytes:
        path = url.removeprefix(URL)
        self.requests.append(f"{method} {path}")
        answer = self.answers.get(path)
        if isinstance(answer, Exception):
            raise answer
        doors = {CHECK_IN: self._check_in, REPORTS: self._reports, ATTRIBUTES: self._attributes}
        honest = doors[path](body)
        self.answered()
        taken = honest if answer is None else answer
        if len(taken) > max_bytes:
            raise ResponseTooLongError(f"{url}: expected at most {max_bytes} bytes, got more")
        return taken

    def _check_in(self, body: bytes) -> bytes:
        said = json.loads(body)
        Decoder(shapes.CheckInBody).decode(body)
        self.check_ins.append(said)
        answer = {
            "check_in_after_s": self.check_in_after_s,
            "inventory_wanted": said["inventory"] != self.inventory_sha256,
        }
        if self.assignment is not None:
            number, version = self.assignment
            wanted = self.consent_wanted and said.get("consent") != number
            answer["assignment"] = {"id": number, "version": version, "consent_wanted": wanted}
        return json.dumps(answer).encode()

    def _reports(self, body: bytes) -> bytes:
        said = json.loads(body)
        Decoder(shapes.ReportsBody).decode(body)
        for report in said["reports"]:
            if report["sequence"] > self._highest[said["stream"]]:
                self._highest[said["stream"]] = report["sequence"]
                self._count(report)
        return json.dumps({"accepted": self._highest[said["stream"]]}).encode()

    def _count(self, report: dict) -> None:
        self.counted.append(report)
        answered = (report.get("assignment"), report["version"]) == self.assignment
        if answered and report["state"] in FINAL:
            self.assignment = None

    def _attributes(self, body: bytes) -> bytes:
        Decoder(shapes.AttributesBody).decode(body)
        self.inventory, self.inventory_sha256 = json.loads(body), self.check_ins[-1]["inventory"]
        return b""

    # what a test looks at

    @property
    def states(self) -> list[str]:
        """The reports that were counted, such as ``1.1.0 confirmed``."""
        return [f"{report['version']} {report['state']}" for report in self.counted]

    @property
    def finals(self) -> Counter[str]:
        return Counter(state for state in self.states if state.rpartition(" ")[2] in FINAL)


def make_queue(storage, state_dir: Path) -> ReportQueue:
    """A queue whose streams are numbered: the first that is not in use on this disk."""
    number = len(getattr(storage, "operations", ()))
    return ReportQueue(storage, state_dir, lambda: f"{number:032x}")


def join(device: SimulatedDevice, server: MemoryFleetServer, **settings) -> FleetMember:
    """Make a device a member of the server's fleet, as a new process does."""
    state_dir, clock = device.config.state_dir, device.client._ports.clock
    queue, consent = make_queue(device.storage, state_dir), Consent(device.storage, state_dir)
    belongs = ServerSettings(URL, **settings)
    device.client._config = replace(device.client._config, server=belongs)
    membership = Membership(belongs, server, queue, consent, clock)
    return FleetMember(membership, device.client.status)
