"""B10: whoever owns some devices hears of these alone, whatever happens to others."""

from datetime import timedelta

import pytest
from support.event_examples import example
from support.fleet import add_devices
from support.telling import NOW, PRODUCT, URL

from ota_client.formats.strict import format_time
from ota_server.journal import event_page
from ota_server.journal.event import Event, EventKind
from ota_server.journal.event_page import Wanted
from ota_server.notify import atom
from ota_server.notify.outbox import messages_of
from ota_server.notify.subscription import Channel
from ota_server.notify.watch_devices import find_expiring, tell_expiring

# of a product: told with what they mean for the own devices, and there are none of them yet
OF_PRODUCTS = {EventKind.RELEASE_PUBLISHED, EventKind.CERTIFICATE_EXPIRING}


def happen(telling, *device_ids):
    """One of each kind to each of them."""
    kinds = [(kind, name) for name in device_ids for kind in EventKind]
    telling.happen(*(Event(kind, document(kind), PRODUCT, name) for kind, name in kinds))


def document(kind):
    return example(kind) | ({"until": format_time(NOW)} if "until" in example(kind) else {})


@pytest.mark.parametrize(
    ("pattern", "own", "others"),
    [
        ("cam-1", "cam-1", ["cam-10", "cam-2", "tv-1", ""]),
        ("cam-*", "cam-10", ["cam", "xcam-1", "tv-1", ""]),
        ("cam_1-?", "cam_1-2", ["cam-1-2", "cam_1-22", "camx1-2", ""]),
    ],
)
def test_b10_of_all_that_happens_an_owner_is_told_of_the_own_devices(telling, pattern, own, others):
    held = telling.subscribe(address=f"{URL}/hook", device_ids=pattern)
    happen(telling, *others, own)
    with telling.database.read() as connection:
        events = event_page.following(connection, Wanted(None), position=0)
        told = [message.event for message in messages_of(connection, held, events, URL)]
    assert {event.device_id for event in told} == {own}
    assert {event.kind for event in told} == set(EventKind) - OF_PRODUCTS


def test_b10_an_owner_s_feed_has_the_own_devices_alone(telling):
    held = telling.subscribe("feed", channel=Channel.FEED, device_ids="cam-1")
    happen(telling, "cam-2", "cam-1")
    with telling.database.read() as connection:
        shown = atom.feed(connection, held, url=URL).decode()
    assert "cam-1" in shown
    assert "cam-2" not in shown


def test_b10_an_owner_hears_which_of_the_own_devices_certificates_end_soon(telling):
    held = telling.subscribe(address=f"{URL}/hook", device_ids="cam-1?")
    nobody = telling.subscribe("tv", address=f"{URL}/hook", device_ids="tv-*")
    with telling.begin() as connection:
        for number, days in ((1, 2), (10, 4), (11, 3), (12, 40)):
            ends_at = int((NOW + timedelta(days=days)).timestamp())
            add_devices(connection, [f"cam-{number}"], product=PRODUCT, certificate_expires_at=ends_at)
        found = find_expiring(connection, warning_days=14, now=NOW)
        tell_expiring(connection, found, now=NOW)
    with telling.database.read() as connection:
        events = event_page.following(connection, Wanted(None), position=0)
        (told,) = messages_of(connection, held, events, URL)
        assert messages_of(connection, nobody, events, URL) == ()
    document = told.event.document
    assert (document["devices"], list(document["first"])) == (2, ["cam-10", "cam-11"])
    assert document["expires_at"] == format_time(NOW + timedelta(days=3))
