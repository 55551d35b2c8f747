"""Takes a device or a person out of what was told: what happened stays, to whom or by whom does not."""

import json
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update

from ota_client.formats.strict import canonical_json
from ota_server.database.events_schema import events
from ota_server.journal.event_kind import EventKind

# stands where a device's id stood
ERASED: Final = "erased"
# fields of documents that hold devices' ids; other texts are alike: a device may be called "critical"
_NAMING: Final = frozenset({"device_id", "first"})


def forget_device(connection: Connection, device_id: str) -> int:
    """Take a device out of every event that is stored by now.

    The event that tells of its end is stored when the transaction ends: those who are told must learn
    whose end it is. The retention job comes back for it (docs/adr/0029-privacy.md).

    Returns:
        how many events named it.
    """
    columns = (events.c.id, events.c.device_id, events.c.document)
    # two that are forgotten at once may stand in one event: neither writes over what the other took out
    found = select(*columns).where(may_name(device_id)).order_by(events.c.id).with_for_update()
    changed = 0
    for row in connection.execute(found).all():
        document, is_own = json.loads(row.document), row.device_id == device_id
        if is_own or names(document, device_id):
            left = canonical_json(_without(document, device_id, is_naming=is_own)).decode()
            values = {"device_id": "" if is_own else row.device_id, "document": left}
            connection.execute(update(events).filter_by(id=row.id).values(values))
            changed += 1
    return changed


def forget_actor(connection: Connection, label: str, fresh: str) -> None:
    """Put another label where events have an actor's, such as ``operator:mia``."""
    for row in connection.execute(proposals().with_for_update()).all():
        document = json.loads(row.document)
        if document.get("asked_by") == label:
            left = canonical_json({**document, "asked_by": fresh}).decode()
            connection.execute(update(events).filter_by(id=row.id).values(document=left))


def proposals() -> Select[Any]:
    """The events that name an actor."""
    return select(events).filter_by(kind=EventKind.ROLLOUT_PROPOSED.value).order_by(events.c.id)


def may_name(device_id: str) -> ColumnElement[bool]:
    """The condition for events that are about a device, or whose text has its id somewhere.

    Those about another device name no third: of a year's events few are read for it.
    """
    return or_(
        events.c.device_id == device_id,
        and_(
            events.c.device_id == "",
            # as JSON writes it; no device id has a character that JSON would escape
            events.c.document.contains(f'"{device_id}"', autoescape=True),
        ),
    )


def names(document: object, device_id: str) -> bool:
    """Whether an event's document names the device, and not another thing of the same name (B10)."""
    return _without(document, device_id, is_naming=False) != document


def _without(value: object, text: str, *, is_naming: bool) -> object:
    match value:
        case dict():
            return {
                name: _without(inner, text, is_naming=is_naming or name in _NAMING)
                for name, inner in value.items()
            }
        case list():
            return [_without(inner, text, is_naming=is_naming) for inner in value]
        case _:
            return ERASED if is_naming and value == text else value
