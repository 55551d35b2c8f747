"""What time brings is told once, by whichever process sees it first."""

import json
from datetime import timedelta

from sqlalchemy import delete, event, insert, select, update
from support.fleet import PRODUCT, add_devices
from support.telling import NOW

from ota_server.database.events_schema import events
from ota_server.database.schema import device_seen, devices
from ota_server.notify import mark, watch_devices
from ota_server.notify.running import _Watch
from ota_server.notify.watch_certificates import OwnCertificate, tell_own
from ota_server.notify.watch_devices import find_expiring, find_silent, tell_expiring, tell_silent
from ota_server.settings import OperatorSettings, ServerSettings

WEEK_S = 7 * 86_400
LATER = NOW + timedelta(days=30)


def told(telling, kind):
    with telling.database.read() as connection:
        found = connection.execute(select(events).filter_by(kind=kind).order_by(events.c.id)).all()
    return [(row.device_id or row.product, json.loads(row.document)) for row in found]


def silent(telling, now, after_s=WEEK_S):
    with telling.database.read() as connection:
        found = find_silent(connection, silent_after_s=after_s, now=now)
    with telling.begin() as connection:
        return tell_silent(connection, found, now=now)


def expiring(telling, now):
    with telling.database.read() as connection:
        found = find_expiring(connection, warning_days=14, now=now)
    with telling.begin() as connection:
        return tell_expiring(connection, found, now=now)


def seen(telling, pk, moment):
    with telling.begin() as connection:
        values = {"seen_at": int(moment.timestamp())}
        if not connection.execute(update(device_seen).filter_by(device_pk=pk).values(values)).rowcount:
            connection.execute(insert(device_seen).values(device_pk=pk, **values))


def fleet(telling, number, **values):
    with telling.begin() as connection:
        return add_devices(connection, [f"cam-{n:04}" for n in range(number)], **values)


def test_a_silent_device_is_told_of_once_a_silence(telling):
    first, second = fleet(telling, 2)
    seen(telling, second, LATER - timedelta(days=1))
    assert silent(telling, LATER) == 1
    assert silent(telling, LATER) == silent(telling, LATER + timedelta(minutes=5)) == 0
    # never seen: it counts from its enrolment
    assert told(telling, "device.silent") == [
        ("cam-0000", {"seen_at": "2026-06-01T12:00:00Z", "running_version": "1.0.0"})
    ]
    assert silent(telling, LATER + timedelta(days=7)) == 1
    # it comes back, and falls silent again
    seen(telling, first, LATER + timedelta(days=8))
    assert silent(telling, LATER + timedelta(days=9)) == 0
    assert silent(telling, LATER + timedelta(days=16)) == 1
    assert [name for name, _ in told(telling, "device.silent")] == ["cam-0000", "cam-0001", "cam-0000"]


def test_the_silent_are_counted_by_product(telling):
    fleet(telling, 3)
    silent(telling, LATER)
    with telling.database.read() as connection:
        assert mark.counts(connection, mark.SILENT_DEVICES) == {PRODUCT: 3}


def test_very_many_silent_devices_are_told_of_in_pieces_and_each_once(telling, monkeypatch):
    monkeypatch.setattr(watch_devices, "_BATCH", 20)
    fleet(telling, 30)
    assert [silent(telling, LATER) for _ in range(3)] == [20, 10, 0]
    names = [name for name, _ in told(telling, "device.silent")]
    assert len(set(names)) == len(names) == 30


def test_a_revoked_device_is_not_silent(telling):
    fleet(telling, 1, status="revoked")
    assert silent(telling, LATER) == 0


def test_a_longer_silence_in_the_settings_tells_nothing_twice(telling):
    fleet(telling, 1)
    assert silent(telling, LATER) == 1
    assert silent(telling, LATER, after_s=2 * WEEK_S) == 0
    assert silent(telling, LATER) == 0


def test_who_looked_at_the_same_time_as_another_tells_nothing_again(telling):
    fleet(telling, 2)
    with telling.database.read() as connection:
        found = find_silent(connection, silent_after_s=WEEK_S, now=LATER)
    assert silent(telling, LATER) == 2
    with telling.begin() as connection:
        assert tell_silent(connection, found, now=LATER) == 0


def test_a_device_that_came_or_was_erased_after_one_looked_is_not_told_of(telling):
    first, second, _ = fleet(telling, 3)
    with telling.database.read() as connection:
        found = find_silent(connection, silent_after_s=WEEK_S, now=LATER)
    seen(telling, first, LATER)
    with telling.begin() as connection:
        connection.execute(delete(devices).filter_by(pk=second))
    with telling.begin() as connection:
        assert tell_silent(connection, found, now=LATER) == 1
    assert [name for name, _ in told(telling, "device.silent")] == ["cam-0002"]


def test_to_look_at_the_devices_holds_up_nobody_who_writes(telling, tmp_path):
    fleet(telling, 3)
    statements = []

    def note(connection, cursor, statement, *_):
        is_writing = connection.get_execution_options()["sqlite_begin"] == "BEGIN IMMEDIATE"
        statements.append((is_writing, statement))

    server = ServerSettings(published=tmp_path, tls=None)
    watch = _Watch(server, OperatorSettings(), telling.database, None, lambda: LATER)
    event.listen(telling.database.engine, "before_cursor_execute", note)
    try:
        watch.devices()
        statements.clear()
        watch.devices()
    finally:
        event.remove(telling.database.engine, "before_cursor_execute", note)
    looks = [is_writing for is_writing, statement in statements if "FROM devices" in statement]
    assert looks
    assert not any(looks)


def test_devices_certificates_that_end_soon_are_one_event_a_product_and_day(telling):
    ends_at = int((NOW + timedelta(days=3)).timestamp())
    fleet(telling, 2, certificate_expires_at=ends_at)
    for hours in (0, 1, 24):
        expiring(telling, NOW + timedelta(hours=hours))
    document = {
        "whose": "devices",
        "name": "",
        "expires_at": "2026-06-04T12:00:00Z",
        "devices": 2,
        "first": ["cam-0000", "cam-0001"],
    }
    found = told(telling, "certificate.expiring")
    assert [one["until"] for _, one in found] == ["2026-06-15T12:00:00Z", "2026-06-16T12:00:00Z"]
    assert found == [(PRODUCT, document | {"until": one["until"]}) for _, one in found]
    with telling.begin() as connection:
        connection.execute(update(devices).values(certificate_expires_at=ends_at * 2))
    assert expiring(telling, NOW + timedelta(days=2)) == 0


def test_the_servers_own_certificate_is_told_of_once_and_again_after_its_renewal(telling):
    def tell(days_left, now):
        one = OwnCertificate("server", "server.pem", NOW + timedelta(days=days_left))
        with telling.begin() as connection:
            tell_own(connection, [one], warning_days=14, now=now)

    tell(15, NOW)
    assert told(telling, "certificate.expiring") == []
    tell(14, NOW)
    tell(14, NOW + timedelta(days=1))
    assert len(told(telling, "certificate.expiring")) == 1
    tell(400, NOW)
    tell(400, NOW + timedelta(days=390))
    assert len(told(telling, "certificate.expiring")) == 2
