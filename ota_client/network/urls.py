"""Addresses: which are taken, which redirects are followed, and how errors show them."""

import re
from urllib.parse import urljoin, urlsplit

from ota_client.errors import ConfigError, RedirectRefusedError

_SHOWN_LONGEST = 200


def check_url(url: str, *, insecure_http: bool) -> None:
    """Refuse what is not an ``https://`` address without user name and password.

    Raises:
        ConfigError: it is not, and (for ``http://``) ``insecure_http`` does not allow it.
    """
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0 and parts.scheme in {"https", "http"}
    except ValueError:
        known = False
    if not known or "@" in parts.netloc:
        raise ConfigError(
            f"{shown_url(url)}: expected an address such as https://updates.example.com/ "
            f"without user name and password"
        )
    if parts.scheme == "http" and not insecure_http:
        raise ConfigError(
            f"{shown_url(url)}: expected https://, got plain http://; to allow it, set insecure_http "
            "(--insecure-http)"
        )


def same_origin(url: str, location: str, others: tuple[str, ...] = ()) -> str:
    """Resolve a redirect.

    Args:
        url: what was asked for.
        location: what the server answered.
        others: addresses of hosts that it may lead to as well.

    Raises:
        RedirectRefusedError: it leads to another scheme, host or port, or is written in a way that two
            readers could take for two hosts (C04).
    """
    plain = location.isascii() and location.isprintable() and not set(location) & set(r"\@ ")
    scheme = urlsplit(url).scheme
    allowed = {_origin(url), *(o for o in map(_origin, others) if o[0] in {"https", scheme})}
    try:
        target = urljoin(url, location)
        same = plain and _origin(target) in allowed
    except ValueError:
        same = False
    if not same:
        raise RedirectRefusedError(
            f"{shown_url(url)}: expected a redirect on the same host, got one to {shown_url(location)}"
        )
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def shown_url(url: str) -> str:
    """The address as texts may show it: without user, password, query or control characters."""
    address = re.split(r"[?#]", url)[0]
    scheme, separator, rest = address.rpartition("://")
    text = scheme + separator + rest.rpartition("@")[2]
    return "".join(c if c.isprintable() else "?" for c in text[:_SHOWN_LONGEST])
