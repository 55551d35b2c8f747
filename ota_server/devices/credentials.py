"""What allows a device to enrol: an operator's token, or a certificate of their factory (B04)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from sqlalchemy import Connection

from ota_server.devices import denied, tokens
from ota_server.devices.anchors import Anchors
from ota_server.devices.identity import subject_id
from ota_server.errors import UnauthenticatedError


class Refusal(Exception):  # noqa: N818 - it never leaves enrolment: to the outside it is an EnrolmentError
    """Why a device is not enrolled, for the operator's log."""


class Credential(Protocol):
    """A credential that is genuine and for this device; it may have been spent before."""

    @property
    def key_sha256(self) -> str | None:
        """The key that it proves to hold; None if it proves none."""

    @property
    def tags(self) -> tuple[str, ...]:
        """For the new device."""

    @property
    def may_rekey(self) -> bool:
        """Whether it gives a known device id to another key."""

    def spend(self, key_sha256: str) -> None:
        """Use it for this key.

        Raises:
            Refusal: nothing is left of it.
        """


@dataclass(frozen=True, slots=True)
class _ByToken:
    connection: Connection
    token: tokens.Token
    key_sha256: ClassVar[None] = None

    @property
    def tags(self) -> tuple[str, ...]:
        return self.token.tags

    @property
    def may_rekey(self) -> bool:
        return self.token.rekey

    def spend(self, key_sha256: str) -> None:  # noqa: ARG002 - a token is for whichever key
        if not tokens.use(self.connection, self.token):
            raise Refusal(f"token {self.token.id} is used up")


@dataclass(frozen=True, slots=True)
class _ByFactory:
    connection: Connection
    key_sha256: str
    now: datetime
    tags: ClassVar[tuple[str, ...]] = ()
    may_rekey: ClassVar[bool] = False

    def spend(self, key_sha256: str) -> None:
        if denied.is_denied(self.connection, self.key_sha256):
            raise Refusal("the factory's certificate has enrolled a device before, or was revoked")
        if key_sha256 != self.key_sha256:
            # or the device that it enrolled would come back by it after it was decommissioned (B05)
            denied.deny(self.connection, self.key_sha256, denied.Reason.SPENT, now=self.now)


def credential_of(
    connection: Connection,
    anchors: Anchors,
    *,
    token: str | None,
    factory_der: bytes | None,
    product: str,
    device_id: str,
    now: datetime,
) -> Credential:
    """Look at what a device shows.

    Raises:
        Refusal: it is not genuine, has expired, or is for other devices.
    """
    if token is not None:
        return _by_token(connection, token, product, device_id, now)
    if factory_der is not None:
        return _by_factory(connection, anchors, factory_der, device_id, now)
    raise Refusal("it showed neither a token nor a client certificate")


def _by_token(
    connection: Connection, text: str, product: str, device_id: str, now: datetime
) -> _ByToken:
    token = tokens.find(connection, text, now)
    if token is None:
        raise Refusal("its token is unknown, withdrawn or expired")
    if not token.covers(product, device_id):
        raise Refusal(
            f"token {token.id} is for {token.device_ids} of product {token.product}, not for product "
            f"{product}"
        )
    return _ByToken(connection, token)


def _by_factory(
    connection: Connection, anchors: Anchors, der: bytes, device_id: str, now: datetime
) -> _ByFactory:
    try:
        known, name = anchors.verify(der, now), subject_id(der)
    except UnauthenticatedError as e:
        raise Refusal(str(e)) from e
    if not known.from_factory:
        raise Refusal("its client certificate is a device's, not a factory's")
    if name != device_id:
        raise Refusal(f"its factory's certificate is for {name[:80]!a}")
    return _ByFactory(connection, known.key_sha256, now)
