"""What a device and the update server say to each other (docs/reference/device-api.md).

Standard library only; JSON bodies over HTTPS. Who the device is, the client certificate says and nothing
else: no path and no body names it (B03). An assignment is a hint, verified like anything else (B01).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from ota_client.errors import FetchError
from ota_client.formats.strict import INTEGER_MAX, Fields, format_time
from ota_client.formats.version import Version

PREFIX: Final = "/device/v1"
ENROL: Final = f"{PREFIX}/enrol"
RENEW: Final = f"{PREFIX}/renew"
CHECK_IN: Final = f"{PREFIX}/check-in"
ASSIGNMENT: Final = f"{PREFIX}/assignment"
REPORTS: Final = f"{PREFIX}/reports"
ATTRIBUTES: Final = f"{PREFIX}/attributes"

ASSIGNMENT_ID_MAX: Final = 2**31 - 1
ATTRIBUTES_MOST: Final = 100
ATTRIBUTE_LONGEST: Final = 256
SLOTS_MOST: Final = 8
REPORTS_MOST: Final = 32
CODE_LONGEST: Final = 64
DETAIL_LONGEST: Final = 500
CERTIFICATE_MOST_BYTES: Final = 16 * 1024
_DAY_S: Final = 86_400


class ReportState(StrEnum):
    """Where a device is with a release."""

    DOWNLOADING = "downloading"
    INSTALLED = "installed"
    TRIAL = "trial"
    CONFIRMED = "confirmed"
    FELL_BACK = "fell_back"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Report:
    """One change of state.

    Attributes:
        sequence: from 1, rising by one in its queue; the server counts each once (B06).
        at: by the device's clock, for people to read.
        version: of the release that it is about.
        assignment: the assignment that it answers; None without one.
        code: of the error; empty if there was none.
        detail: one sentence for people.
    """

    sequence: int
    at: datetime
    state: ReportState
    version: Version
    assignment: int | None = None
    code: str = ""
    detail: str = ""

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        fields: dict[str, object] = {
            "sequence": self.sequence,
            "at": format_time(self.at),
            "state": self.state.value,
            "version": str(self.version),
            "code": self.code[:CODE_LONGEST],
            "detail": self.detail[:DETAIL_LONGEST],
        }
        if self.assignment is not None:
            fields["assignment"] = self.assignment
        return fields


@dataclass(frozen=True, slots=True)
class CheckIn:
    """What a device says of itself at each check-in.

    Attributes:
        phase: ``idle``, ``installed`` or ``trial`` (ota_client.recovery.Phase).
        root_version: of the TUF root last trusted (A10).
        inventory: sha256 of the inventory's canonical JSON; the server asks for it when it is another.
        consent: the assignment that the owner agreed to; None if there was nothing to ask.
    """

    running: Version
    rollback_index: int
    phase: str
    root_version: int
    inventory: str
    consent: int | None = None

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        fields: dict[str, object] = {
            "running_version": str(self.running),
            "rollback_index": self.rollback_index,
            "phase": self.phase,
            "root_version": self.root_version,
            "inventory": self.inventory,
        }
        if self.consent is not None:
            fields["consent"] = self.consent
        return fields


@dataclass(frozen=True, slots=True)
class Inventory:
    """What operators select and look at devices by: names and values, and the slots.

    Attributes:
        attributes: by name, a text, a whole number or a flag.
        slots: each slot's name, version, and whether it is booted, good and bootable.
    """

    attributes: Mapping[str, str | int | bool]
    slots: tuple[Mapping[str, str | bool | None], ...]

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {"attributes": dict(self.attributes), "slots": [dict(slot) for slot in self.slots]}


@dataclass(frozen=True, slots=True)
class Assignment:
    """The release that the server wants the device to run.

    Attributes:
        id: named in reports.
        consent_wanted: the device's owner is to be asked first; the answer goes into the next check-in.
    """

    id: int
    version: Version
    consent_wanted: bool

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Take an assignment from the server's answer."""
        assignment = cls(
            id=table.integer("id", lowest=1, highest=ASSIGNMENT_ID_MAX),
            version=table.parsed("version", Version.parse),
            consent_wanted=table.flag("consent_wanted"),
        )
        table.finish()
        return assignment

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {
            "id": self.id,
            "version": str(self.version),
            "consent_wanted": self.consent_wanted,
        }


@dataclass(frozen=True, slots=True)
class CheckInAnswer:
    """What the server says to a check-in.

    Attributes:
        assignment: None if there is nothing to do.
        check_in_after_s: when to come again.
        inventory_wanted: whether the server has another inventory, or none.
    """

    assignment: Assignment | None
    check_in_after_s: int
    inventory_wanted: bool

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the server's answer strictly.

        Raises:
            FetchError: it is not one; the server is to be asked again later.
        """
        fields = Fields(value, "the update server's answer", FetchError)
        answer = cls(
            assignment=fields.given(
                "assignment", lambda name: Assignment.read(fields.table(name)), None
            ),
            check_in_after_s=fields.integer("check_in_after_s", lowest=1, highest=30 * _DAY_S),
            inventory_wanted=fields.flag("inventory_wanted"),
        )
        fields.finish()
        return answer


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A certificate that the server made for this device's key.

    Attributes:
        certificate: the certificate and the authority's, PEM.
    """

    device_id: str
    certificate: str
    expires_at: datetime

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the server's answer strictly; raises as ``CheckInAnswer.parse``."""
        fields = Fields(value, "the update server's answer", FetchError)
        enrolment = cls(
            device_id=fields.name("device_id"),
            certificate=fields.text("certificate", longest=CERTIFICATE_MOST_BYTES),
            expires_at=fields.time("expires_at"),
        )
        fields.finish()
        return enrolment


def parse_accepted(value: object) -> int:
    """Read up to which sequence the server has counted reports; raises as ``CheckInAnswer.parse``."""
    fields = Fields(value, "the update server's answer", FetchError)
    accepted = fields.integer("accepted", highest=INTEGER_MAX)
    fields.finish()
    return accepted
