"""Settings that are addresses of the web."""

from urllib.parse import urlsplit

from ota_server.settings.sources import Layers

_EXPECTED = "an https:// address without user, query and fragment"


def read_base_url(layers: Layers, name: str) -> str:
    """Take the address that paths are put behind; without the slash at its end.

    Plain ``http://`` is taken as well: with ``insecure_http`` the server has no other. It has no path:
    pages' links begin at the root.

    Raises:
        ConfigError: it is none.
    """
    text = _read(layers, name, {"https", "http"})
    if urlsplit(text).path not in {"", "/"}:
        layers.fail(name, "an address without a path", text)
    return text.rstrip("/")


def read_https_url(layers: Layers, name: str) -> str:
    """Take an ``https://`` address, as it is written.

    Raises:
        ConfigError: it is none.
    """
    return _read(layers, name, {"https"})


def _read(layers: Layers, name: str, schemes: set[str]) -> str:
    text = layers.text(name)
    try:
        parts = urlsplit(text)
        good = bool(parts.hostname) and parts.port != 0 and parts.scheme in schemes
        good = good and not parts.query and not parts.fragment and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        layers.fail(name, _EXPECTED, text)
    return text
