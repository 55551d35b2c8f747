"""Webhooks: an event as JSON by POST, signed so that the receiver knows from whom and when it is."""

import hashlib
import hmac
import json
import secrets
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Final, Self

from ota_client.formats.strict import canonical_json
from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.http_post import TIMEOUT_S, Answer, Deadline, post
from ota_server.notify.means import Sealer
from ota_server.notify.message import Message
from ota_server.notify.subscription import Subscription
from ota_server.notify.webhook_address import Network, Resolve, parse, reachable, resolve

# the one before signs too for so long, until the receiver knows the new one
ROTATION_S: Final = 86_400
_PREFIX: Final = "ratw_"
_RETRY_AFTER_MOST_S: Final = 86_400
_DIGITS_MOST: Final = 9


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What signs: the secret, and after a change for a day the one before.

    Attributes:
        previous_until: seconds since 1970.
    """

    current: str
    previous: str = ""
    previous_until: int = 0

    @classmethod
    def make(cls) -> Self:
        """A new one, of the operating system's randomness."""
        return cls(_PREFIX + secrets.token_urlsafe(32))

    def rotated(self, now: datetime) -> Self:
        """With a new secret before this one."""
        made = self.make().current
        return replace(self, current=made, previous=self.current, previous_until=_until(now))

    def sealed(self, sealer: Sealer) -> str:
        """As the database keeps it."""
        fields = {
            "current": self.current,
            "previous": self.previous,
            "previous_until": self.previous_until,
        }
        return sealer.seal(canonical_json(fields).decode())

    @classmethod
    def opened(cls, sealed: str, sealer: Sealer) -> Self:
        """Read what ``sealed`` made.

        Raises:
            InvalidError: another key sealed it.
        """
        return cls(**json.loads(sealer.open(sealed)))

    def signature(self, body: bytes, now: datetime) -> str:
        """The Ratchet-Signature header: one for each secret that counts now."""
        seconds = int(now.timestamp())
        counting = [self.current, *([self.previous] if seconds < self.previous_until else [])]
        return ",".join(f"v1={_mac(secret, seconds, body)}" for secret in counting)


@dataclass(frozen=True)
class Webhooks:
    """Carries messages to webhooks.

    Attributes:
        sealer: opens the secrets.
        private_networks: what may be reached that is not public.
        insecure_http: plain HTTP is allowed.
        clock: UTC.
        resolver: knows the addresses of a host.
    """

    sealer: Sealer
    clock: Callable[[], datetime]
    private_networks: Sequence[Network] = ()
    insecure_http: bool = False
    resolver: Resolve = resolve

    def carry(self, subscription: Subscription, message: Message) -> None:
        """Deliver one message.

        Raises:
            DeliveryError: the receiver did not say that it has it.
            InvalidError: the address or the secret cannot be used any more.
        """
        to = parse(subscription.address, insecure_http=self.insecure_http)
        known = WebhookSecrets.opened(subscription.secret, self.sealer)
        deadline = Deadline(TIMEOUT_S)
        addresses = reachable(self.resolver(to.host, to.port), self.private_networks)
        now, body = self.clock(), canonical_json(message.to_fields())
        headers = {
            "User-Agent": "ratchet-ota",
            "Content-Type": "application/json",
            "Ratchet-Event": message.kind,
            "Ratchet-Delivery": f"{subscription.id}-{message.id}",
            "Ratchet-Timestamp": str(int(now.timestamp())),
            "Ratchet-Signature": known.signature(body, now),
        }
        _judge(post(to, addresses, headers, body, context=self._tls, deadline=deadline), now)

    def _tls(self) -> ssl.SSLContext:
        return self._context

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # to read the system's authorities takes a while: once is enough
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _judge(answer: Answer, now: datetime) -> None:
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    redirect = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
    raise DeliveryError(
        f"the receiver answered {answer.status}" + (": redirects are not followed" if redirect else ""),
        http_status=answer.status,
        retry_after_s=retry_after_s(answer.retry_after, now),
    )


def retry_after_s(text: str | None, now: datetime) -> int | None:
    """Seconds from a Retry-After header, a day at most (RFC 9110, 10.2.3); None if it says nothing."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text[:_DIGITS_MOST]), _RETRY_AFTER_MOST_S)
    try:
        moment = parsedate_to_datetime(text)
    # a year or a zone of thirty digits is what a receiver may send
    except (ValueError, OverflowError):
        return None
    left = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return max(0, min(int(left.total_seconds()), _RETRY_AFTER_MOST_S))


def _mac(secret: str, seconds: int, body: bytes) -> str:
    return hmac.new(secret.encode(), str(seconds).encode() + b"." + body, hashlib.sha256).hexdigest()


def _until(now: datetime) -> int:
    return int((now + timedelta(seconds=ROTATION_S)).timestamp())
