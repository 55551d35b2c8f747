"""Where a webhook goes: an address that a person typed, which must not lead into our own network.

A server that asks whatever address it is given can be made to ask its neighbours (B15: SSRF, CWE-918).
So a name is resolved once, what it resolves to is judged, and that very address is connected to.
"""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from ota_server.errors import InvalidError
from ota_server.notify.delivery_error import DeliveryError

Network = IPv4Network | IPv6Network
# IP addresses of a host and port
Resolve = Callable[[str, int], Sequence[str]]

_URL_LONGEST: Final = 2048
_URL: Final = re.compile(r"[!-~]+", re.ASCII)
_PORTS: Final = {"https": 443, "http": 80}
_ADDRESSES_MOST: Final = 4
# all that is given out of IPv6 (RFC 4291, 2.4): outside are site-local addresses and spellings of IPv4
_GLOBAL: Final = ip_network("2000::/3")
# 6to4 (RFC 3056) leads to IPv4 addresses that we would refuse; the others are no host's of the Internet,
# and in some clouds the machine's own
_SPECIAL: Final = tuple(map(ip_network, ("2002::/16", "192.0.0.0/24", "192.88.99.0/24")))


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """A URL, taken apart.

    Attributes:
        host: a name or an IP address, without brackets.
        target: path and query, as the request names it.
    """

    is_https: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def scheme(self) -> str:
        """What it begins with."""
        return "https" if self.is_https else "http"


def parse(url: str, *, insecure_http: bool) -> WebhookAddress:
    """Read a URL.

    Args:
        url: as a person typed it.
        insecure_http: plain HTTP is allowed.

    Raises:
        InvalidError: it is none, or its scheme is not allowed.
    """
    expected = "https:// (or http://)" if insecure_http else "https://"
    fault = InvalidError(f"address: expected a URL of {expected} without user, password and fragment")
    if len(url) > _URL_LONGEST or not _URL.fullmatch(url):
        raise fault
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as e:
        raise fault from e
    schemes = {"https", "http"} if insecure_http else {"https"}
    if parts.scheme not in schemes or not host or "@" in parts.netloc or "#" in url or port == 0:
        raise fault
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebhookAddress(parts.scheme == "https", host, port or _PORTS[parts.scheme], target)


def check_host(address: WebhookAddress, private_networks: Sequence[Network]) -> None:
    """Refuse an IP address that nothing will be sent to; what a name leads to is judged at each sending.

    Raises:
        InvalidError: it is within a private network.
    """
    try:
        ip_address(address.host)
    except ValueError:
        return
    try:
        reachable((address.host,), private_networks)
    except DeliveryError as e:
        raise InvalidError(f"address: {e}") from e


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host.

    Raises:
        DeliveryError: it has none, or nobody answers.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        raise DeliveryError("the host's name cannot be resolved") from e
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def reachable(addresses: Sequence[str], private_networks: Sequence[Network]) -> Sequence[str]:
    """The addresses that may be connected to.

    Args:
        addresses: what a name resolved to.
        private_networks: what may be reached that is not public.

    Raises:
        DeliveryError: one of them must not be: who can put it there can send us anywhere.
    """
    for address in addresses:
        if not _is_allowed(ip_address(address), private_networks):
            raise DeliveryError(
                "the host is within a private network; [notifications] private_networks allows some"
            )
    return addresses[:_ADDRESSES_MOST]


def _is_allowed(address: IPv4Address | IPv6Address, private_networks: Sequence[Network]) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped is not None:
        return _is_allowed(mapped, private_networks)
    if any(address in network for network in private_networks):
        return True
    if address.version == _GLOBAL.version and address not in _GLOBAL:
        return False
    is_special = any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not is_special
