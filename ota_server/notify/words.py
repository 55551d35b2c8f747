"""An event in words, for mails and feeds: what happened, and what to do about it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ota_client.formats.counted import agreed, counted
from ota_server.journal.event_kind import EventKind
from ota_server.journal.event_page import StoredEvent
from ota_server.notify.message import Message

Fields = Mapping[str, Any]

_IDS_SHOWN: Final = 20
_TEST: Final = "This is a test. What happens in the fleet will arrive here."


def title(message: Message) -> str:
    """One line."""
    event = message.event
    if event is None:
        return "Test of notifications"
    text = _TITLES[event.kind](event.product, event.device_id, event.document)
    return _line(text)


def body(message: Message) -> str:
    """All of it, as plain text."""
    event = message.event
    if event is None:
        return f"{_TEST}\n"
    parts = [f"{title(message)}.", *_parts(event), f"More: {message.link}"]
    return "\n\n".join(parts) + "\n"


def _parts(event: StoredEvent) -> Sequence[str]:
    tell = _PARTS.get(event.kind)
    return tell(event.document) if tell else ()


def _release(document: Fields) -> list[str]:
    exposed = document["exposed"]
    parts = [_fix(fix) for fix in document["fixes"]]
    if exposed["devices"]:
        parts.append(
            f"{exposed['devices']} of {counted(exposed['of'], 'device')} "
            f"{agreed(exposed['devices'], 'run')} without these fixes: "
            + ", ".join(f"{one['devices']} with {one['version'] or '?'}" for one in exposed["versions"])
            + ".\n"
            + _ids(exposed["first"], exposed["devices"])
        )
    elif document["fixes"]:
        parts.append("No device runs without these fixes.")
    # events that were stored before this was told have none
    parts += [_brought(one) for one in document.get("brings_in", ())]
    return [*parts, *([f"Notes: {_line(document['notes'])}"] if document["notes"] else [])]


def _fix(fix: Fields) -> str:
    lines = (
        f"{fix['id']} ({fix['severity']}): {fix['summary']}",
        f"What to do: {fix['action']}",
        f"Mended in {fix['fixed_in']}; {_run(fix['exposed_devices'])} without it.",
    )
    return "\n".join(map(_line, lines))


def _brought(one: Fields) -> str:
    severity = f" ({one['severity']})" if one["severity"] else ""
    lines = (
        f"It brings in {one['id']}{severity}: {one['summary']}",
        *([f"What to do: {one['action']}"] if one["action"] else []),
        *([f"In {', '.join(one['components'])}"] if one["components"] else []),
    )
    return "\n".join(map(_line, lines))


def _match(match: Fields) -> str:
    return _line(f"{match['product']} {match['version']} has it; {_run(match['devices'])} it.")


def _run(devices: int) -> str:
    return f"{counted(devices, 'device')} {agreed(devices, 'run')}"


def _ids(ids: list[str], count: int | None = None) -> str:
    count = len(ids) if count is None else count
    shown = ", ".join(ids[:_IDS_SHOWN])
    return _line(shown + (f" and {count - _IDS_SHOWN} more" if count > _IDS_SHOWN else ""))


def _line(text: str) -> str:
    """Foreign text on one line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _published(product: str, _: str, document: Fields) -> str:
    mended = ", ".join(f"{fix['id']} ({fix['severity']})" for fix in document["fixes"])
    brought = _ids([one["id"] for one in document.get("brings_in", ())])
    said = [f"mends {mended}"] * bool(mended) + [f"brings in {brought}"] * bool(brought)
    return f"{product} {document['version']} " + (" and ".join(said) or "is published")


def _rollout(verb: str) -> Callable[[str, str, Fields], str]:
    return lambda product, _, d: f"Rollout {d['rollout']} of {product} {d['version']} {verb}"


def _device(verb: str) -> Callable[[str, str, Fields], str]:
    return lambda product, device_id, _: f"Device {device_id} ({product}) {verb}"


def _certificate(product: str, _: str, document: Fields) -> str:
    if document["devices"]:
        return f"Certificates of {counted(document['devices'], 'device')} ({product}) end soon"
    return f"The certificate of the {document['whose']} ends at {document['expires_at']}"


_TITLES: Final[Mapping[EventKind, Callable[[str, str, Fields], str]]] = {
    EventKind.RELEASE_PUBLISHED: _published,
    EventKind.ROLLOUT_PROPOSED: _rollout("waits for approval"),
    EventKind.ROLLOUT_STARTED: _rollout("has started"),
    EventKind.ROLLOUT_HALTED: _rollout("was halted"),
    EventKind.ROLLOUT_FINISHED: _rollout("has finished"),
    EventKind.ROLLOUT_ABORTED: _rollout("was aborted"),
    EventKind.DEVICE_ENROLLED: _device("was enrolled"),
    EventKind.DEVICE_FELL_BACK: lambda product, device_id, d: (
        f"Device {device_id} ({product}) fell back from {d['version'] or 'a release'}"
    ),
    EventKind.DEVICE_SILENT: lambda product, device_id, d: (
        f"Device {device_id} ({product}) is silent since {d['seen_at']}"
    ),
    EventKind.DEVICE_REVOKED: _device("was revoked"),
    EventKind.DEVICE_DECOMMISSIONED: _device("was decommissioned"),
    EventKind.CERTIFICATE_EXPIRING: _certificate,
    EventKind.METADATA_EXPIRING: lambda _, __, d: (
        f"Signed metadata of {d['role']} ends at {d['expires_at']}"
    ),
    EventKind.ROOT_CHANGED: lambda _, __, d: (
        f"The root of trust changed from version {d['before']} to {d['root_version']}"
    ),
    EventKind.ADVISORY_IMPORTED: lambda _, __, d: (
        f"{d['id']} is known, and {_run(d['devices'])} something with it"
    ),
}

_PARTS: Final[Mapping[EventKind, Callable[[Fields], Sequence[str]]]] = {
    EventKind.RELEASE_PUBLISHED: _release,
    EventKind.ROLLOUT_HALTED: lambda d: (
        _line(f"Why: {d['reason']}"),
        "It offers nothing more until somebody resumes it.",
    ),
    EventKind.DEVICE_FELL_BACK: lambda d: (
        (_line(f"{d['code']} {d['detail']}"),) if d["code"] or d["detail"] else ()
    ),
    EventKind.METADATA_EXPIRING: lambda _: (
        "Release engineers sign it anew; without that, devices will refuse every release.",
    ),
    EventKind.ROOT_CHANGED: lambda _: (
        "If your release engineers do not know of it, stop rollouts and ask them at once.",
    ),
    EventKind.CERTIFICATE_EXPIRING: lambda d: (_ids(d["first"], d["devices"]),) if d["first"] else (),
    EventKind.ADVISORY_IMPORTED: lambda d: (_line(d["summary"]), *map(_match, d["matches"])),
}
