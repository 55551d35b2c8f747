from datetime import timedelta

import pytest
from sqlalchemy import event
from support import fleet
from support.office import ALPHA

from ota_client.errors import ExpiredError
from ota_client.manifest import Severity
from ota_client.protocol import ReportState
from ota_server.devices import fleet_figures
from ota_server.errors import NotFoundError
from ota_server.operations.overview import exposure_over_time, overview, versions_over_time
from ota_server.operators.actor import Role
from ota_server.reports import accept
from ota_server.rollouts.claim import claim
from ota_server.rollouts.penalty import FleetRules


def fall_back(office, device_id, rollout_id=1):
    with office.database.begin() as connection:
        place = fleet.places(connection, rollout_id, device_id)[device_id]
        claim(connection, place.id, now=office.now)
        said = fleet.report(place.id, ReportState.FELL_BACK, code="no-boot")
        accept(connection, place.device_pk, "a" * 32, [said], now=office.now, rules=FleetRules())


def ask(office, actor=None, **values):
    with office.desk(actor) as desk:
        return overview(desk, **values)


def test_a_fleet_is_seen_at_a_glance(office):
    found = ask(office)
    assert found.devices == 4
    assert {(v.product, str(v.version), v.devices) for v in found.versions} == {
        ("alpha", "1.0.0", 2),
        ("beta", "1.0.0", 2),
    }
    assert [one.name for one in found.rollouts] == ["beta-spring", "alpha-spring"]
    assert [(one.severity, one.devices) for one in found.exposure] == [(Severity.HIGH, 4)]
    assert (found.fell_back, found.problem, found.silent, found.expiring) == ((), "", None, None)


def test_one_product_is_looked_at_alone(office):
    found = ask(office, product=ALPHA)
    assert (found.devices, [one.product for one in found.rollouts]) == (2, [ALPHA])
    assert ask(office, office.person("alpha-mia")) == found
    with pytest.raises(NotFoundError):
        ask(office, office.person("alpha-mia"), product="beta")


def test_devices_that_fell_back_come_first_the_newest_first(office):
    fall_back(office, "alpha-1")
    office.now += timedelta(minutes=1)
    fall_back(office, "beta-1", 2)
    found = ask(office).fell_back
    assert [(one.device_id, one.rollout, one.code) for one in found] == [
        ("beta-1", "beta-spring", "no-boot"),
        ("alpha-1", "alpha-spring", "no-boot"),
    ]
    assert [one.device_id for one in ask(office, product=ALPHA).fell_back] == ["alpha-1"]


def test_what_cannot_be_believed_hides_nothing_else(office):
    office.catalog.failure = ExpiredError("it expired")
    found = ask(office)
    assert (found.exposure, found.problem, found.devices) == ((), "it expired", 4)


def test_silent_devices_and_ending_certificates_are_as_they_were_last_counted(office):
    with office.database.begin() as connection:
        now = office.now + timedelta(days=8)
        week = timedelta(days=7)
        for days in (200, 1):
            warn = timedelta(days=days)
            found = fleet_figures.count(connection, silent_after=week, warn=warn, now=now)
            fleet_figures.remember(connection, found, now=now)
    assert (ask(office).silent, ask(office).expiring) == (4, 0)
    assert ask(office, product=ALPHA).silent == 2


def test_versions_over_time_end_with_now(office):
    with office.desk(office.person("alpha-mia", Role.VIEWER)) as desk:
        days = versions_over_time(desk, days=7)
    assert [(str(one.version), one.devices, one.product) for one in days] == [("1.0.0", 2, ALPHA)]


def test_exposure_over_time_is_of_the_products_that_one_sees(office):
    def days(**more):
        with office.desk(office.person("alpha-mia", Role.VIEWER)) as desk:
            return [one.devices for one in exposure_over_time(desk, days=7, **more)]

    assert days() == days(product=ALPHA) == [2]
    with pytest.raises(NotFoundError):
        days(product="beta")


def test_it_asks_as_little_of_a_large_fleet(office):
    def statements():
        asked = []
        event.listen(office.database.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
        ask(office)
        return asked

    assert not [text for text in statements() if "FROM devices " in text and "JOIN" not in text]
    few = len(statements())
    with office.database.begin() as connection:
        fleet.add_devices(connection, [f"more-{number}" for number in range(50)], product=ALPHA)
    assert len(statements()) <= 3 * few
