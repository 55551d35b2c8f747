"""How a device becomes known, and keeps being known: ADR 0015.

Nobody enrols by asking: it takes an operator's token, or a certificate of the operator's factory (B04).
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select
from sqlalchemy.exc import IntegrityError

from ota_client.formats.strict import NAME_RULE, is_name
from ota_server.database.schema import devices
from ota_server.devices import denied
from ota_server.devices.authority import Certificate, DeviceAuthority
from ota_server.devices.changes import changed
from ota_server.devices.credentials import Credential, Refusal, credential_of
from ota_server.devices.device_row import DeviceStatus, add, give_key, set_expiry
from ota_server.devices.events import DeviceEvent, note
from ota_server.devices.membership import groups_of
from ota_server.devices.signing_request import SigningRequest, read_request
from ota_server.errors import EnrolmentError, InvalidError, RevokedError, UnknownDeviceError
from ota_server.rollouts.joining import joined

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """What a device says when it asks to be known.

    Attributes:
        token: of the operator.
        factory_der: the client certificate of the connection; a token comes before it.
        csr_pem: for the key that is to be the device's identity.
    """

    token: str | None
    factory_der: bytes | None
    device_id: str
    product: str
    hardware_id: str
    csr_pem: str


@dataclass(frozen=True, slots=True)
class _Admitted:
    pk: int
    was_revoked: bool = False


def enrol(
    connection: Connection, authority: DeviceAuthority, request: EnrolRequest, *, now: datetime
) -> Certificate:
    """Make a device known, and certify its key.

    The same again gives a new certificate, as an answer may be lost on its way.

    Args:
        connection: in a transaction that writes; an error must undo it.
        authority: certifies the key.
        request: what the device says.
        now: UTC.

    Raises:
        InvalidError: the request cannot be read, whoever sent it.
        EnrolmentError: it is refused. To the outside all refusals are one; the log has the reason (B04).
    """
    _check_names(request)
    csr = read_request(request.csr_pem, request.device_id)
    try:
        admitted = _admit(connection, authority, request, csr, now)
    except Refusal as e:
        _log.warning("refused to enrol %s: %s", request.device_id, e)
        raise EnrolmentError(
            "the enrolment is refused: expected a valid token for this device id and product, or a "
            "factory's certificate; the operator finds the reason in the server's log"
        ) from None
    certificate = _certify(connection, authority, csr, request.device_id, admitted.pk, now)
    changed(connection, admitted.pk, now=now)
    if admitted.was_revoked:
        for group_id in sorted(groups_of(connection, admitted.pk)):
            joined(connection, group_id, admitted.pk, now=now)
    return certificate


def renew(
    connection: Connection, authority: DeviceAuthority, device_pk: int, csr_pem: str, *, now: datetime
) -> Certificate:
    """Certify a known device's key anew; the key stays.

    Args:
        connection: in a transaction that writes.
        authority: certifies the key.
        device_pk: whom the connection's certificate identified.
        csr_pem: for the same key.
        now: UTC.

    Raises:
        InvalidError: the request cannot be read, or is for another name or key (B03).
        UnknownDeviceError: it was decommissioned meanwhile.
        RevokedError: it was revoked meanwhile.
    """
    row = connection.execute(
        select(devices).filter_by(pk=device_pk).with_for_update(key_share=True)
    ).first()
    if row is None:
        raise UnknownDeviceError("no enrolled device has this certificate's key")
    if row.status != DeviceStatus.ACTIVE:
        raise RevokedError("the device was revoked: it needs an operator")
    csr = read_request(csr_pem, row.device_id)
    if csr.key_sha256 != row.key_sha256:
        raise InvalidError("csr: expected the key that the device enrolled with, got another")
    note(connection, device_pk, DeviceEvent.RENEWED, now=now)
    return _certify(connection, authority, csr, row.device_id, device_pk, now)


def _check_names(request: EnrolRequest) -> None:
    for field in ("device_id", "product", "hardware_id"):
        value = getattr(request, field)
        if not is_name(value):
            raise InvalidError(f"{field}: expected a name of {NAME_RULE}, got {value[:80]!r}")


def _admit(
    connection: Connection,
    authority: DeviceAuthority,
    request: EnrolRequest,
    csr: SigningRequest,
    now: datetime,
) -> _Admitted:
    """Decide, and write it down.

    The credential is looked at before any row is locked, denied keys after: an operator may be removing
    this very device.
    """
    credential = credential_of(
        connection,
        authority.anchors,
        token=request.token,
        factory_der=request.factory_der,
        product=request.product,
        device_id=request.device_id,
        now=now,
    )
    known = _known(connection, request, csr, credential)
    if denied.is_denied(connection, csr.key_sha256):
        raise Refusal("its key was revoked, decommissioned, replaced, or is a factory's that is spent")
    if known is None:
        return _Admitted(_add(connection, request, csr, credential, now))
    if known.product != request.product:
        raise Refusal(f"it is known as a device of product {known.product}")
    if known.key_sha256 == csr.key_sha256:
        # a repetition: nothing is spent
        note(connection, known.pk, DeviceEvent.RENEWED, now=now)
        return _Admitted(known.pk)
    if not credential.may_rekey:
        raise Refusal("the device id is known with another key, and no token for rekeying it was shown")
    credential.spend(csr.key_sha256)
    give_key(connection, known, csr.key_sha256, request.hardware_id, now)
    return _Admitted(known.pk, known.status == DeviceStatus.REVOKED)


def _known(
    connection: Connection, request: EnrolRequest, csr: SigningRequest, credential: Credential
) -> Row[Any] | None:
    """The row of this device id, locked. One key is one device (B03)."""
    keys = [key for key in (csr.key_sha256, credential.key_sha256) if key is not None]
    same = or_(devices.c.device_id == request.device_id, devices.c.key_sha256.in_(keys))
    # as weak as it may be: whoever makes a rollout or a group refers to the row, and is waited for below
    known = select(devices).where(same).order_by(devices.c.pk).with_for_update(key_share=True)
    rows = connection.execute(known).all()
    for row in rows:
        if row.device_id != request.device_id:
            raise Refusal(f"its key is that of {row.device_id}")
    return rows[0] if rows else None


def _add(
    connection: Connection,
    request: EnrolRequest,
    csr: SigningRequest,
    credential: Credential,
    now: datetime,
) -> int:
    credential.spend(csr.key_sha256)
    try:
        return add(
            connection,
            device_id=request.device_id,
            product=request.product,
            hardware_id=request.hardware_id,
            key_sha256=csr.key_sha256,
            tags=credential.tags,
            now=now,
        )
    except IntegrityError as e:
        raise Refusal("another device was quicker with this device id or key") from e


def _certify(
    connection: Connection,
    authority: DeviceAuthority,
    csr: SigningRequest,
    device_id: str,
    device_pk: int,
    now: datetime,
) -> Certificate:
    certificate = authority.sign(csr, device_id, now)
    set_expiry(connection, device_pk, certificate.expires_at)
    return certificate
