"""The pinned root, as a file: its age, its keys, its thresholds. Whom it trusts, trust.py decides."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ota_client.disk.record import Record
from ota_client.disk.storage import DiskStorage
from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.system import Setup
from ota_client.errors import OtaError
from ota_client.formats.counted import counted
from ota_client.formats.strict import parse_time
from ota_client.state import StateStore

_LONGEST: Final = 512 * 1024
_SOON: Final = timedelta(days=90)
_FAR_BEHIND: Final = 128  # half of what a device walks (A25)
_ONLINE: Final = ("snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class _Role:
    key_ids: frozenset[str]
    threshold: int


@dataclass(frozen=True, slots=True)
class _Root:
    version: int
    expires_at: datetime
    roles: dict[str, _Role]


def examine_root(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the pinned root."""
    path = setup.config.root
    try:
        root = _parse(path.read_bytes())
    except OSError as e:
        what = f"expected the pinned root at {path}, got: {e.strerror}"
        yield error(Code.ROOT_MISSING, what, "put the repository's root.json into the firmware")
        return
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        what = f"{path}: expected a TUF root, got something else ({type(e).__name__})"
        yield error(Code.ROOT_MALFORMED, what, "put the repository's root.json into the firmware")
        return
    yield from _age(setup, root)
    yield from _keys(root)


def _parse(data: bytes) -> _Root:
    if len(data) > _LONGEST:
        raise ValueError("too long")
    signed = json.loads(data)["signed"]
    roles = {
        name: _Role(frozenset(role["keyids"]), int(role["threshold"]))
        for name, role in signed["roles"].items()
    }
    if signed["_type"] != "root" or not {"root", "targets", *_ONLINE} <= set(roles):
        raise ValueError("no root")
    return _Root(int(signed["version"]), parse_time(signed["expires"]), roles)


def _age(setup: Setup, root: _Root) -> Iterator[Finding]:
    left = root.expires_at - setup.now
    if left < timedelta(0):
        what = f"the pinned root, version {root.version}, expired on {root.expires_at:%Y-%m-%d}"
        way_out = "devices walk on to newer roots; ship the newest one all the same"
        yield warning(Code.ROOT_EXPIRED, what, way_out)
    elif left < _SOON:
        what = f"the pinned root, version {root.version}, expires in {counted(left.days, 'day')}"
        yield note(Code.ROOT_EXPIRES_SOON, what, "'ota-sign renew', and ship the new one")
    behind = _trusted_version(setup) - root.version
    if behind >= _FAR_BEHIND:
        what = f"the pinned root is {counted(behind, 'version')} behind the trusted one"
        yield warning(Code.ROOT_BEHIND, what, "ship a newer root.json: devices walk 256 at most (A25)")


def _trusted_version(setup: Setup) -> int:
    record = Record(DiskStorage(), str(setup.config.state_dir / "state"))
    try:
        role = StateStore(record).load().trust_floor.roles.get("root")
    except OtaError:
        return 0  # told by the state directory's own subject
    return role.version if role else 0


def _keys(root: _Root) -> Iterator[Finding]:
    offline = root.roles["root"]
    if offline.threshold < 2:  # noqa: PLR2004 one thief
        what = "one stolen key is enough to sign a root"
        yield warning(
            Code.ROOT_THRESHOLD,
            what,
            "let two people or more sign: 'ota-sign root add-key' and 'set-threshold'",
        )
    elif len(offline.key_ids) == offline.threshold:
        what = f"all {offline.threshold} root keys are needed: lose one, and the root can never change"
        yield warning(Code.ROOT_NO_SPARE_KEY, what, "add a spare key: 'ota-sign root add-key'")
    for name in _ONLINE:
        if offline.key_ids & root.roles[name].key_ids:
            what = f"a root key also signs {name}, and so is online"
            yield error(
                Code.ROOT_KEY_ONLINE, what, f"give {name} a key of its own: 'ota-sign root rotate'"
            )
