"""What one subscription is told of one event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ota_client.formats.strict import format_time
from ota_server.journal.event_kind import VERSION, EventKind
from ota_server.journal.event_page import StoredEvent

TEST_ID: Final = 0
TEST_KIND: Final = "test"


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way, or a test that is no event.

    Attributes:
        event: None for a test.
        at: when it happened, or was asked for.
        link: the page about it.
    """

    event: StoredEvent | None
    at: datetime
    link: str

    @property
    def id(self) -> int:
        """The event's; 0 of a test."""
        return TEST_ID if self.event is None else self.event.id

    @property
    def kind(self) -> str:
        """The event's."""
        return TEST_KIND if self.event is None else self.event.kind.value

    def to_fields(self) -> dict[str, object]:
        """As it is sent (docs/reference/events.md)."""
        if self.event is not None:
            return {**self.event.to_fields(), "link": self.link}
        return {
            "id": TEST_ID,
            "kind": TEST_KIND,
            "version": VERSION,
            "at": format_time(self.at),
            "product": "",
            "device_id": "",
            "severity": "",
            "document": {},
            "link": self.link,
        }


def link_to(url: str, event: StoredEvent) -> str:
    """The page about an event.

    Args:
        url: of the server, without a slash at the end.
        event: whatever happened.
    """
    return url + _path(event)


def _path(event: StoredEvent) -> str:
    document = event.document
    match event.kind:
        case EventKind.RELEASE_PUBLISHED:
            return f"/releases/{event.product}/{document['version']}"
        case EventKind.ADVISORY_IMPORTED:
            return f"/advisories/{document['id']}"
        case EventKind.DEVICE_DECOMMISSIONED:
            return "/devices"
        case _:
            pass
    if "rollout" in event.kind.value:
        return f"/rollouts/{document['rollout_id']}"
    return f"/devices/{event.device_id}" if event.device_id else "/"
