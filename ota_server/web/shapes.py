"""The bodies of the device API: strict, and the one source of its schema.

They mirror ``ota_client/protocol.py``; a test holds the two together. What msgspec refuses, it names by
its path, so that the answer can.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ota_client import protocol
from ota_client.formats.strict import INTEGER_MAX, NAME_LONGEST, format_time, parse_time
from ota_client.formats.version import Version
from ota_server.errors import InvalidError

CSR_LONGEST: Final = 8 * 1024
TOKEN_LONGEST: Final = 128
_VERSION_LONGEST: Final = 64
_SLOT_FIELDS_MOST: Final = 16

# `$` alone would let a last newline pass; (?!\n) means the same to JSON Schema's readers.
_END: Final = r"$(?!\n)"
_LINE: Final = rf"^[^\u0000-\u001f\u007f]*{_END}"
_NAME: Final = rf"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*{_END}"
_CODE: Final = rf"^[a-z0-9-]*{_END}"
_HEX_64: Final = rf"^[0-9a-f]{{64}}{_END}"
_HEX_32: Final = rf"^[0-9a-f]{{32}}{_END}"
_NUMBER: Final = r"(0|[1-9][0-9]*)"
_IDENTIFIER: Final = r"(0|[1-9][0-9]*|[0-9]*[a-z-][0-9a-z-]*)"
_SEMVER: Final = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_IDENTIFIER}(\.{_IDENTIFIER})*)?{_END}"
_TIME: Final = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z{_END}"
_PEM: Final = rf"^[A-Za-z0-9+/= \r\n-]+{_END[:1]}"

Name = Annotated[str, Meta(max_length=NAME_LONGEST, pattern=_NAME)]
VersionText = Annotated[str, Meta(max_length=_VERSION_LONGEST, pattern=_SEMVER, examples=["1.4.2"])]
Moment = Annotated[
    str,
    Meta(pattern=_TIME, extra_json_schema={"format": "date-time"}, examples=["2026-11-22T08:00:00Z"]),
]
Count = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
AssignmentId = Annotated[int, Meta(ge=1, le=protocol.ASSIGNMENT_ID_MAX)]
Csr = Annotated[str, Meta(max_length=CSR_LONGEST, pattern=_PEM, extra_json_schema={"format": "pem-csr"})]
Token = Annotated[str, Meta(min_length=1, max_length=TOKEN_LONGEST, pattern=rf"^[A-Za-z0-9_-]+{_END}")]
AttributeText = Annotated[
    str,
    Meta(
        max_length=protocol.ATTRIBUTE_LONGEST, pattern=_LINE, extra_json_schema={"format": "printable"}
    ),
]
AttributeNumber = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Slot = Annotated[dict[Name, AttributeText | bool | None], Meta(max_length=_SLOT_FIELDS_MOST)]


class Shape(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A JSON object of which every field is known."""


class EnrolBody(Shape, frozen=True):
    """Asks for a certificate for a new device's key."""

    device_id: Name
    product: Name
    hardware_id: Name
    csr: Csr
    token: Token | UnsetType = UNSET


class RenewBody(Shape, frozen=True):
    """Asks for a new certificate for the same key."""

    csr: Csr


class CheckInBody(Shape, frozen=True):
    """What a device says of itself (``protocol.CheckIn``)."""

    running_version: VersionText
    rollback_index: Count
    phase: Literal["idle", "installed", "trial"]
    root_version: Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
    inventory: Annotated[str, Meta(pattern=_HEX_64)]
    consent: AssignmentId | UnsetType = UNSET

    @property
    def agreed(self) -> int | None:
        """The assignment that the owner agreed to."""
        return None if self.consent is UNSET else self.consent

    def to_check_in(self) -> protocol.CheckIn:
        """In the domain's words."""
        return protocol.CheckIn(
            Version.parse(self.running_version),
            self.rollback_index,
            self.phase,
            self.root_version,
            self.inventory,
            self.agreed,
        )


class ReportBody(Shape, frozen=True):
    """One change of state (``protocol.Report``)."""

    sequence: Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
    at: Moment
    state: protocol.ReportState
    version: VersionText
    assignment: AssignmentId | UnsetType = UNSET
    code: Annotated[str, Meta(max_length=protocol.CODE_LONGEST, pattern=_CODE)] = ""
    detail: Annotated[str, Meta(max_length=protocol.DETAIL_LONGEST)] = ""

    def to_report(self) -> protocol.Report:
        """In the domain's words."""
        return protocol.Report(
            self.sequence,
            moment(self.at, "$.reports[...].at"),
            self.state,
            Version.parse(self.version),
            None if self.assignment is UNSET else self.assignment,
            self.code,
            _printable(self.detail),
        )


class ReportsBody(Shape, frozen=True):
    """Some reports of one of the device's queues."""

    stream: Annotated[str, Meta(pattern=_HEX_32)]
    reports: Annotated[list[ReportBody], Meta(min_length=1, max_length=protocol.REPORTS_MOST)]


class AttributesBody(Shape, frozen=True):
    """What operators select and look at devices by (``protocol.Inventory``)."""

    attributes: Annotated[
        dict[Name, AttributeText | AttributeNumber | bool],
        Meta(max_length=protocol.ATTRIBUTES_MOST),
    ]
    slots: Annotated[list[Slot], Meta(max_length=protocol.SLOTS_MOST)]

    def to_document(self) -> dict[str, object]:
        """As it came: the device computes its sha256 too."""
        return {"attributes": self.attributes, "slots": self.slots}


class AssignmentAnswer(Shape, frozen=True):
    """The release that the device is to run (``protocol.Assignment``)."""

    id: AssignmentId
    version: VersionText
    consent_wanted: bool

    @classmethod
    def of(cls, assignment: protocol.Assignment) -> "AssignmentAnswer":
        """From the domain's words."""
        return cls(assignment.id, str(assignment.version), assignment.consent_wanted)


class CheckInAnswer(Shape, frozen=True):
    """What to do, and when to come again (``protocol.CheckInAnswer``)."""

    check_in_after_s: Annotated[int, Meta(ge=1, le=30 * 86_400)]
    inventory_wanted: bool
    assignment: AssignmentAnswer | UnsetType = UNSET


class EnrolmentAnswer(Shape, frozen=True):
    """A certificate (``protocol.Enrolment``)."""

    device_id: Name
    certificate: Annotated[str, Meta(max_length=protocol.CERTIFICATE_MOST_BYTES)]
    expires_at: Moment

    @classmethod
    def of(cls, device_id: str, certificate: str, expires_at: datetime) -> "EnrolmentAnswer":
        """From the domain's words."""
        return cls(device_id, certificate, format_time(expires_at))


class AcceptedAnswer(Shape, frozen=True):
    """Up to which report all are counted."""

    accepted: Count


class ProblemAnswer(Shape, frozen=True):
    """What went wrong (RFC 9457)."""

    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str | UnsetType = UNSET
    # as in docs/reference/errors.md
    code: str | UnsetType = UNSET
    # the path of the field that is wrong
    field: str | UnsetType = UNSET


class MalformedError(InvalidError):
    """The body is not JSON in UTF-8."""

    code = "malformed"


class FieldError(InvalidError):
    """A field is unknown, missing, or not of the form that it has.

    Args:
        field: its path, such as ``$.reports[0].code``.
        reason: one sentence.
    """

    code = "invalid-field"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


T = TypeVar("T")
_NAMED: Final = re.compile(r"(.*?)(?: - at `(?:key` in `)?(\$[^`]*)`)?", re.DOTALL)
_ABSENT_OR_UNKNOWN: Final = re.compile(r".*(?:missing required|unknown) field `(.*)`", re.DOTALL)
_FIELD_LONGEST: Final = 200


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Read a body.

    Raises:
        MalformedError: it is not JSON.
        FieldError: it has not the shape, or names a field twice.
    """
    try:
        value = decoder.decode(body)
        # msgspec takes the last of two names, and writes what it took in the shortest way: what came is
        # longer if there was another. Its shapes have bounded by now what there is to read.
        if len(_ENCODER.encode(value)) != len(body):
            _UNIQUE.decode(body.decode())
    except msgspec.ValidationError as e:
        raise field_error(str(e)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise MalformedError(f"expected JSON in UTF-8, got: {_shown(str(e))}") from None
    return value


def field_error(message: str) -> FieldError:
    """Say what msgspec says, with the field's path apart."""
    match = _NAMED.fullmatch(message)
    reason, path = (match[1], match[2] or "$") if match else (message, "$")
    named = _ABSENT_OR_UNKNOWN.fullmatch(reason)
    if named:
        path = f"{path}.{named[1]}"
    return FieldError(_shown(path), f"{_shown(reason)}.".replace("..", "."))


def _unique(pairs: Sequence[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise FieldError(_shown(f"$.{name}"), "Expected each field once, got one twice.")
        seen.add(name)


_ENCODER: Final = msgspec.json.Encoder()
# it looks at names alone: a number of thousands of digits is never made one (A29)
_UNIQUE: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str)


def _shown(text: str) -> str:
    """Without what a client's names could do to a log or a terminal."""
    cut = text[:_FIELD_LONGEST]
    return cut if cut.isprintable() else ascii(cut)[1:-1]


def _printable(text: str) -> str:
    """Clean free text for whoever reads it; to refuse it would block the queue behind it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def moment(text: str, field: str) -> datetime:
    """Read a time that has a time's form.

    Raises:
        FieldError: there is no such day, say.
    """
    try:
        return parse_time(text)
    except ValueError:
        raise FieldError(field, "Expected a time that there is.") from None
