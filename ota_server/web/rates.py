"""How often one device, or one network address, may ask (B07)."""

from ipaddress import IPv6Address
from math import ceil
from typing import Final

from ota_server.errors import TooManyError

UNKNOWN_ADDRESS: Final = "-"
_MINUTE_S: Final = 60.0
# of twice as many callers at most something is remembered: some 20 MB
_CALLERS_MOST: Final = 50_000
_NETWORK_BITS: Final = 64


class RateLimit:
    """Lets each caller's requests through at a rate: the generic cell rate algorithm (ITU-T I.371).

    Of each caller one number is kept: when the next request is due that keeps the rate exactly. Who was
    quiet may be early by a minute's worth of requests. Memory is bounded: beyond ``callers_most``
    others, who was away longest is forgotten, and begins anew.

    Args:
        a_minute: of each caller.
        callers_most: remembered at least, if there were so many.
    """

    def __init__(self, a_minute: int, callers_most: int = _CALLERS_MOST) -> None:
        self._interval_s = _MINUTE_S / a_minute
        self._early_s = _MINUTE_S - self._interval_s
        self._callers_most = callers_most
        self._due_s: dict[str, float] = {}
        self._older: dict[str, float] = {}

    def take(self, caller: str, now_s: float) -> None:
        """Count one request.

        Args:
            caller: who asks.
            now_s: monotonic seconds.

        Raises:
            TooManyError: it is one too many, and not counted.
        """
        due_s = self._due_s.get(caller)
        if due_s is None:
            due_s = self._older.get(caller, now_s)
        wait_s = due_s - self._early_s - now_s
        if wait_s > 0:
            retry_after_s = ceil(wait_s)
            raise TooManyError(f"too many requests; the next in {retry_after_s} s", retry_after_s)
        if len(self._due_s) >= self._callers_most:
            self._older, self._due_s = self._due_s, {}
        self._due_s[caller] = max(due_s, now_s) + self._interval_s

    def __len__(self) -> int:
        return len(self._due_s) + len(self._older)


class AddressRate:
    """Lets each network address's requests through at a rate.

    Args:
        a_minute: of each; of IPv6 each /64.
    """

    def __init__(self, a_minute: int) -> None:
        self._limit = RateLimit(a_minute)

    def take(self, address: str, now_s: float) -> None:
        """Count a request; one whose address is not known has a proxy that knows it, and limits it.

        Raises:
            TooManyError: it is one too many.
        """
        if address != UNKNOWN_ADDRESS:
            self._limit.take(_network_of(address), now_s)


class Rates:
    """The limits of the device API.

    Args:
        device: requests a minute of one device's key.
        address: of one network address; devices behind one router share it.
        enrolment: attempts to enrol, of one network address.
    """

    def __init__(self, *, device: int, address: int, enrolment: int) -> None:
        self._device = RateLimit(device)
        self._address = AddressRate(address)
        self._enrolment = RateLimit(enrolment)

    def take_address(self, address: str, now_s: float) -> None:
        """Count a request of an address."""
        self._address.take(address, now_s)

    def take_device(self, key_sha256: str, now_s: float) -> None:
        """Count a request of who holds a key."""
        self._device.take(key_sha256, now_s)

    def take_enrolment(self, address: str, now_s: float) -> None:
        """Count an attempt; those whose address is not known share one limit."""
        self._enrolment.take(_network_of(address), now_s)


def _network_of(address: str) -> str:
    """Whom to count an address for: of IPv6 the network, which one customer has to himself."""
    if ":" not in address:
        return address
    try:
        bits = int(IPv6Address(address.partition("%")[0]))
    except ValueError:
        return address
    return str(IPv6Address(bits >> _NETWORK_BITS << _NETWORK_BITS))
