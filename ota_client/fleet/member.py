"""One device as a member of a fleet: it checks in, and reports (docs/how-to/connect-to-a-server.md).

Nothing here installs: what the server assigns is handed to the agent, and to the same checks as ever.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from ota_client.errors import (
    BusyError,
    FetchError,
    OtaError,
    PostponedError,
    RefusedError,
    UnconfirmedTrialError,
)
from ota_client.fleet.consent import Consent
from ota_client.fleet.inventory import digest, inventory_of
from ota_client.fleet.report_queue import ReportQueue
from ota_client.fleet.server import UpdateServer
from ota_client.fleet.settings import DAY_S, Attributes, ServerSettings
from ota_client.formats.version import Version
from ota_client.protocol import Assignment, CheckIn, CheckInAnswer, Inventory, ReportState
from ota_client.report import Status

_log = logging.getLogger(__name__)

# nothing became of the release yet: the device tries again by itself, and the server need not count it
_TRIED_AGAIN: Final = (FetchError, BusyError, UnconfirmedTrialError, PostponedError)


class Link(Protocol):
    """The connection to the update server, with this device's certificate."""

    def server(self) -> UpdateServer:
        """The server.

        Raises:
            NotAuthorisedError: the device is not enrolled.
        """

    def renew_if_due(self, now: datetime) -> None:
        """Renew the certificate in the last third of its life; raises as ``server`` does."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What a member of a fleet works with.

    Attributes:
        link: the server.
        queue: what it is to be told.
        consent: what the owner agreed to.
        clock: UTC; it may be years off.
    """

    settings: ServerSettings
    link: Link
    queue: ReportQueue
    consent: Consent
    clock: Callable[[], datetime]


class FleetMember:
    """A device's dealings with its update server.

    Args:
        membership: what it works with.
        status: tells where the device stands; ``OtaClient.status``.
    """

    def __init__(self, membership: Membership, status: Callable[[], Status]) -> None:
        self._with, self._status = membership, status

    @property
    def settings(self) -> ServerSettings:
        """The ``[server]`` table."""
        return self._with.settings

    def note(self) -> None:
        """Queue every change of the device that the server was not told of. Needs no network."""
        self._with.queue.note(self._status(), self._with.clock())

    def send(self) -> None:
        """Send the reports that wait; those that cannot be sent now wait on."""
        if self._with.queue.empty:
            return
        try:
            server = self._with.link.server()
            self._with.queue.send(server.report)
        except OtaError as e:
            _log.warning("reports wait: %s [%s]", e, e.code)

    def report(self) -> None:
        """Queue what has changed, and send what waits."""
        self.note()
        self.send()

    def check_in(self, attributes: Attributes, *, consent: int | None = None) -> CheckInAnswer:
        """Tell how the device is, and ask what it is to do.

        Args:
            attributes: of the device, besides its slots.
            consent: the assignment that the owner agreed to.

        Raises:
            FetchError: the server cannot be reached.
            NotAuthorisedError: the device is not enrolled, or was revoked.
            InstallError: the queue cannot be read or written.
        """
        self.note()
        self._with.link.renew_if_due(self._with.clock())
        self.send()
        server, status = self._with.link.server(), self._status()
        inventory = inventory_of(status, attributes)
        answer = server.check_in(
            CheckIn(
                running=status.running,
                rollback_index=status.stored_rollback_index,
                phase=status.phase.value,
                root_version=status.root_version,
                inventory=digest(inventory),
                consent=consent,
            )
        )
        if answer.inventory_wanted:
            self._put(server, inventory)
        assignment = answer.assignment
        if assignment is not None and self._with.queue.answers(assignment):
            # the server has not heard yet what became of it
            return replace(answer, assignment=None)
        if assignment is not None:
            self._with.queue.assign(assignment)
        return answer

    def _put(self, server: UpdateServer, inventory: Inventory) -> None:
        try:
            server.put_inventory(inventory)
        except FetchError as e:
            # the server asks for it again at the next check-in; an assignment must not wait for it
            _log.warning("the inventory was not taken: %s [%s]", e, e.code)

    def wait_s(self, answer: CheckInAnswer) -> int:
        """When to check in again: as the server says, within this device's bounds (B01)."""
        return min(max(answer.check_in_after_s, self.settings.check_in_least_s), DAY_S)

    def agreed(self, version: Version) -> bool:
        """Whether the owner has agreed to the release by ``ota-client consent``."""
        return self._with.consent.given_to(version)

    def downloading(self, version: Version) -> None:
        """Tell that a release is about to be written."""
        self._with.queue.downloading(version, self._with.clock())
        self.send()

    def done_already(self, assignment: Assignment) -> None:
        """Tell that the assigned release runs, though not by this assignment."""
        self._with.queue.answer(assignment.version, ReportState.CONFIRMED, self._with.clock())

    def failed(self, assignment: Assignment, error: OtaError) -> None:
        """Tell why an assigned release was not installed, unless the device tries again by itself."""
        if isinstance(error, _TRIED_AGAIN):
            return
        state = ReportState.REFUSED if isinstance(error, RefusedError) else ReportState.FAILED
        self._with.queue.answer(assignment.version, state, self._with.clock(), error)
