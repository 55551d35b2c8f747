"""A subscription as an Atom feed (RFC 4287): fetched with a token that is all its reader has."""

import hashlib
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from sqlalchemy import Connection

from ota_client.formats.strict import format_time
from ota_server.journal import event_page
from ota_server.journal.event_page import Wanted
from ota_server.notify import subscription, words
from ota_server.notify.message import Message
from ota_server.notify.outbox import messages_of, seen_by
from ota_server.notify.subscription import Status, Subscription
from ota_server.operators.secret_token import digest

_ATOM: Final = "http://www.w3.org/2005/Atom"
_ENTRIES_MOST: Final = 100
# of a fleet with much else going on, no more is looked through
_PAGES_MOST: Final = 10
_PAGE: Final = 200


def feed_of(connection: Connection, token: str) -> Subscription | None:
    """The feed of a token; None if it is nobody's, or is paused."""
    found = subscription.find_feed(connection, digest(token))
    return found if found and found.status is Status.ACTIVE else None


def feed(connection: Connection, found: Subscription, *, url: str) -> bytes:
    """The feed's document: the newest events that it is for.

    Args:
        connection: for reading.
        found: a subscription that is a feed.
        url: of the server, without a slash at the end.
    """
    messages = _newest(connection, found, url)
    updated = messages[0].at if messages else found.created_at
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed")
    _add(root, "id", f"{url}/feeds/{found.id}")
    _add(root, "title", f"Ratchet: {found.name}")
    _add(root, "updated", format_time(updated))
    _add(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", "ota-server")
    for message in messages:
        _add_entry(root, message, url)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def address_of(url: str, token: str) -> str:
    """Where a feed is: whoever knows it reads it."""
    return f"{url}/feeds?token={token}"


def tag(document: bytes) -> str:
    """The feed's ETag: readers that have it fetch nothing."""
    return f'"{hashlib.sha256(document).hexdigest()[:32]}"'


def _newest(connection: Connection, found: Subscription, url: str) -> Sequence[Message]:
    wanted = Wanted(seen_by(connection, found.operator_id), found.filter.kinds)
    messages: list[Message] = []
    after: str | None = None
    for _ in range(_PAGES_MOST):
        page = event_page.listed(connection, wanted, after=after, limit=_PAGE)
        messages += messages_of(connection, found, page.items, url)
        after = page.next_after
        if after is None or len(messages) >= _ENTRIES_MOST:
            break
    return messages[:_ENTRIES_MOST]


def _add_entry(root: ET.Element, message: Message, url: str) -> None:
    entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
    _add(entry, "id", f"{url}/events/{message.id}")
    _add(entry, "title", words.title(message))
    _add(entry, "updated", format_time(message.at))
    ET.SubElement(entry, f"{{{_ATOM}}}link", href=message.link)
    ET.SubElement(entry, f"{{{_ATOM}}}category", term=message.kind)
    _add(entry, "content", words.body(message)).set("type", "text")


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    made = ET.SubElement(parent, f"{{{_ATOM}}}{name}")
    # XML 1.0 has no way to write most control characters
    made.text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return made
