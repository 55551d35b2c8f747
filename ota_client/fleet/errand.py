"""One visit to the update server: ask, see whether the owner agrees, report what became of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ota_client.client import OtaClient
from ota_client.errors import HookError, OtaError
from ota_client.fleet.inventory import printed_attributes
from ota_client.fleet.member import FleetMember
from ota_client.fleet.settings import Attributes
from ota_client.hooks import HookRunner
from ota_client.protocol import Assignment, CheckInAnswer
from ota_client.recovery import Phase

_log = logging.getLogger(__name__)


class Errand:
    """Visits an update server for one device.

    Args:
        member: its dealings with the server.
        client: the device.
        hooks: its own commands.
    """

    def __init__(self, member: FleetMember, client: OtaClient, hooks: HookRunner) -> None:
        self._member, self._client, self._hooks = member, client, hooks
        self._attributes: Attributes = member.settings.attributes

    def check_in(self, *, consent: int | None = None) -> CheckInAnswer:
        """Tell how the device is, and ask what it is to do; raises as ``FleetMember.check_in``."""
        if self._hooks.hooks.attributes:
            self._attributes = self._read_attributes()
        return self._member.check_in(self._attributes, consent=consent)

    @contextmanager
    def reported(self, assignment: Assignment) -> Iterator[None]:
        """Follow an assignment, and tell the server what became of it."""
        try:
            yield
        except OtaError as e:
            self._member.failed(assignment, e)
            self._member.report()
            raise
        self._member.report()

    def may_begin(self, assignment: Assignment) -> bool:
        """Whether the assigned release is to be installed now.

        Raises:
            OtaError: it is not genuine, or not for this device.
        """
        status = self._client.status()
        if status.running == assignment.version and status.phase is Phase.IDLE:
            self._member.done_already(assignment)
            return False
        if not assignment.consent_wanted:
            return True
        # the owner is asked about what is genuine, and nothing else (B01)
        check = self._client.check(assignment.version)
        if not (self._member.agreed(assignment.version) or self._hooks.consent(check)):
            _log.warning("release %s waits for the owner's consent", assignment.version)
            return False
        answered = self.check_in(consent=assignment.id).assignment
        if answered is None or answered.consent_wanted:
            return False
        return (answered.id, answered.version) == (assignment.id, assignment.version)

    def _read_attributes(self) -> Attributes:
        """The attributes of settings and hook; those of the last time where the hook fails."""
        try:
            return printed_attributes(self._member.settings.attributes, self._hooks.attributes())
        except HookError as e:
            _log.error("%s [%s]", e, e.code)
            return self._attributes
