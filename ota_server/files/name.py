"""The names of published files: which are allowed (A27), and how each is served."""

import re

from ota_server.errors import NotPublishedError

# Only these two are handed out, whatever else lies in the folder.
_TOPS = ("metadata", "targets")
_FOREVER = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=60, must-revalidate"
# No leading dot: neither "..", nor what a publisher has half written.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}", re.ASCII)
_PARTS_MOST = 8
_PATH_LONGEST = 1024
_HASH_NAMED = re.compile(r"([0-9a-f]{64})\..+", re.ASCII)
_VERSIONED = re.compile(r"metadata/[1-9][0-9]{0,17}\.[^/]+", re.ASCII)


def parts_of(name: str) -> list[str]:
    """Take a name such as ``metadata/timestamp.json`` apart.

    Raises:
        NotPublishedError: no published file can have it.
    """
    parts = name.split("/") if len(name) <= _PATH_LONGEST else []
    shaped = 1 < len(parts) <= _PARTS_MOST and parts[0] in _TOPS
    if not shaped or not all(_PART.fullmatch(part) for part in parts):
        raise NotPublishedError("expected a name such as metadata/timestamp.json, got another form")
    return parts


def sha256_in(name: str) -> str | None:
    """The hash that the file is named by, if it is (TUF, section 6.2)."""
    match = _HASH_NAMED.fullmatch(name.rpartition("/")[2])
    return match[1] if match else None


def is_immutable(name: str) -> bool:
    """Whether the file never changes: it is named by its hash, or by its version."""
    return _VERSIONED.fullmatch(name) is not None or sha256_in(name) is not None


def is_payload(name: str) -> bool:
    """Whether the file holds a payload's bytes: what devices read by Range, and may read elsewhere."""
    return name.startswith("targets/") and name.endswith(".data")


def media_type(name: str) -> str:
    """As the Content-Type header has it."""
    return "application/json" if name.endswith(".json") else "application/octet-stream"


def cache_control(name: str) -> str:
    """How long caches may keep the file."""
    return _FOREVER if is_immutable(name) else _SHORT
