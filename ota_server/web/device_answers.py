"""What each door of the device API does: the domain's calls, those that write in threads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from msgspec import UNSET
from sqlalchemy import Connection

from ota_server import reports
from ota_server.checkin.check_in import CheckIns, Pace, held_assignment
from ota_server.checkin.lookup import CheckInLookup, Found
from ota_server.checkin.plans import Plans
from ota_server.database.database import Database
from ota_server.devices import enrolment, inventory
from ota_server.devices.authority import DeviceAuthority
from ota_server.devices.enrolment import EnrolRequest
from ota_server.errors import NotFoundError
from ota_server.rollouts.penalty import FleetRules
from ota_server.web.metrics import Metrics
from ota_server.web.shapes import (
    AcceptedAnswer,
    AssignmentAnswer,
    AttributesBody,
    CheckInAnswer,
    CheckInBody,
    EnrolBody,
    EnrolmentAnswer,
    RenewBody,
    ReportsBody,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """A device that has shown who it is.

    Attributes:
        now: UTC, when the request came.
    """

    device: Found
    key_sha256: str
    now: datetime


class DeviceAnswers:
    """Answers devices.

    Args:
        database: for what is written, in threads.
        lookup: finds devices.
        authority: certifies devices' keys.
        pace: how often devices are to come.
        rules: of the penalty box.
        metrics: count what happens.
    """

    def __init__(
        self,
        database: Database,
        lookup: CheckInLookup,
        authority: DeviceAuthority,
        pace: Pace,
        rules: FleetRules,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._authority = authority
        self._check_ins = CheckIns(lookup, database, Plans(database), pace)
        self._rules = rules
        self._metrics = metrics

    async def enrol(self, body: EnrolBody, der: bytes | None, now: datetime) -> EnrolmentAnswer:
        """Make a device known."""
        token = None if body.token is UNSET else body.token
        names = (body.device_id, body.product, body.hardware_id)
        request = EnrolRequest(token, der, *names, body.csr)
        made = await self._write(
            lambda connection: enrolment.enrol(connection, self._authority, request, now=now)
        )
        self._metrics.certificate("enrolled")
        return EnrolmentAnswer.of(made.device_id, made.pem, made.expires_at)

    async def renew(self, caller: Caller, body: RenewBody) -> EnrolmentAnswer:
        """Certify a device's key anew."""
        made = await self._write(
            lambda connection: enrolment.renew(
                connection, self._authority, caller.device.device_pk, body.csr, now=caller.now
            )
        )
        self._metrics.certificate("renewed")
        return EnrolmentAnswer.of(made.device_id, made.pem, made.expires_at)

    async def check_in(self, caller: Caller, body: CheckInBody) -> CheckInAnswer:
        """Say what is to be done."""
        answer, outcome = await self._check_ins.answer(
            caller.device, caller.key_sha256, body, now=caller.now
        )
        self._metrics.check_in(outcome)
        assignment = AssignmentAnswer.of(answer.assignment) if answer.assignment else UNSET
        return CheckInAnswer(answer.check_in_after_s, answer.inventory_wanted, assignment)

    async def assignment(self, caller: Caller, _body: None) -> AssignmentAnswer:
        """Say again what is assigned.

        Raises:
            NotFoundError: nothing is, or all was answered.
        """
        held = caller.device.held
        assignment = held_assignment(held) if held else None
        if assignment is None:
            raise NotFoundError("nothing is assigned to this device")
        return AssignmentAnswer.of(assignment)

    async def reports(self, caller: Caller, body: ReportsBody) -> AcceptedAnswer:
        """Count reports."""
        told = [one.to_report() for one in body.reports]
        accepted = await self._write(
            lambda connection: reports.accept(
                connection,
                caller.device.device_pk,
                body.stream,
                told,
                now=caller.now,
                rules=self._rules,
            )
        )
        self._metrics.reports(accepted.counted)
        return AcceptedAnswer(accepted.sequence)

    async def attributes(self, caller: Caller, body: AttributesBody) -> None:
        """Replace attributes and slots."""
        document = body.to_document()
        await self._write(
            lambda connection: inventory.put(
                connection, caller.device.device_pk, document, now=caller.now
            )
        )

    async def _write(self, work: Callable[[Connection], T]) -> T:
        """Do it in one transaction, in a thread: what is acknowledged afterwards is durable."""

        def transaction() -> T:
            with self._database.begin() as connection:
                return work(connection)

        return await self._database.threads.run(transaction)
