"""B10: a device that is called like something of another product opens and changes nothing of it.

Device ids are free: one may be called ``critical``, ``mia`` or as another product is.
"""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.fleet import add_devices
from support.office import ALPHA, BETA, MEANS, Office

from ota_server.database.events_schema import events
from ota_server.journal.event import Event, EventKind, record
from ota_server.notify.filter import Filter
from ota_server.notify.subscription import Channel
from ota_server.operations import devices, enrolment_tokens, notifications, people, privacy
from ota_server.operators.actor import Role
from ota_server.operators.role import Grant

FIX = {
    "id": "ALPHA-2026-1",
    "severity": "critical",
    "summary": "s",
    "action": "a",
    "fixed_in": "1.1.0",
    "exposed_devices": 1,
    "exposed_versions": ["1.0.0"],
}
PUBLISHED = {
    "version": "1.1.0",
    "rollback_index": 1,
    "hardware_ids": ["alpha-v1"],
    "created_at": "2026-11-22T08:00:00Z",
    "manifest_sha256": "0" * 64,
    "notes": "a secret of alpha",
    "fixes": [FIX],
    "exposed": {
        "devices": 1,
        "of": 2,
        "first": ["alpha-1"],
        "versions": [{"version": "1.0.0", "devices": 1}],
    },
}
NAMES = ("critical", "alpha-guest", ALPHA, "1.1.0", "release.published")


@pytest.fixture
def office(tmp_path):
    """Beta's admin has devices whose names are those of things of alpha."""
    office = Office(tmp_path)
    office.eve = office.person("beta-mia", Role.ADMIN, BETA)
    with office.desk() as desk:
        add_devices(desk.connection, NAMES, product=BETA)
        told = Event(EventKind.RELEASE_PUBLISHED, PUBLISHED, product=ALPHA, severity="critical")
        record(desk.connection, told, now=office.now)
        wanted = Filter(
            kinds=frozenset({EventKind.RELEASE_PUBLISHED}),
            products=frozenset({ALPHA}),
            least_severity="critical",
        )
        address = "https://alpha.example/hook/of/alpha"
        hook = {"name": "alpha-alarms", "channel": Channel.WEBHOOK, "address": address}
        notifications.subscribe(desk, MEANS, **hook, wanted=wanted)
        for name in NAMES:
            enrolment_tokens.issue(desk, ALPHA, device_ids=name, lifetime=timedelta(days=1))
        people.grant(desk, "alpha-guest", Grant(Role.OPERATOR, ALPHA))
    yield office
    office.close()


@pytest.mark.walk(2)
@pytest.mark.parametrize("name", NAMES)
def test_b10_the_export_of_a_device_has_nothing_of_what_is_called_alike(office, name):
    with office.desk(office.eve) as desk:
        found = privacy.export_device(desk, name)
    told = json.dumps({table: rows for table, rows in found.items() if table != "devices"})
    assert "secret of alpha" not in told
    assert "hook/of/alpha" not in told
    assert "operator." not in told
    assert (found["enrolment_tokens"], found["subscriptions"], found["events"]) == ([], [], [])


@pytest.mark.walk(2)
@pytest.mark.parametrize("name", NAMES)
def test_b10_the_end_of_a_device_changes_nothing_that_is_told_of_another_product(office, name):
    before = documents(office)
    with office.desk(office.eve) as desk:
        assert devices.decommission(desk, name).told == 0
    assert documents(office) == before


def documents(office):
    with office.database.read() as connection:
        mine = select(events.c.document).filter_by(product=ALPHA).order_by(events.c.id)
        return connection.scalars(mine).all()
