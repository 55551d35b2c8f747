from datetime import timedelta

from sqlalchemy import func, select
from support.exposed_fleet import Listed
from support.fleet import NOW, set_device

from ota_server.database.schema import devices
from ota_server.database.security_schema import version_history
from ota_server.devices import version_counts
from ota_server.security.daily import write_history
from ota_server.security.history import exposed_over_time, severity_over_time, versions_over_time
from ota_server.security.knowledge import Knowledge

LINE = Listed(camera={"1.0.0": None, "1.1.0": "1.1.0"})
DAY = timedelta(days=1)


def write(fleet, now):
    with fleet.database.begin() as connection:
        return write_history(connection, now=now)


def update(fleet, device_id, version):
    with fleet.database.begin() as connection:
        pk, before = connection.execute(
            select(devices.c.pk, devices.c.running_version).filter_by(device_id=device_id)
        ).one()
        set_device(connection, pk, running_version=version)
        version_counts.moved(connection, "camera", before, version)


def days(fleet, now, **more):
    with fleet.database.read() as connection:
        found = exposed_over_time(connection, LINE, "CVE-2026-1", products=None, now=now, **more)
    return [((now - one.day_at).days, one.devices, one.of) for one in found]


def test_a_day_is_written_once(fleet):
    fleet.run("1.0.0", "1.1.0")
    assert write(fleet, NOW)
    assert not write(fleet, NOW + timedelta(hours=1))
    assert write(fleet, NOW + DAY)
    assert not write(fleet, NOW)
    with fleet.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(version_history)) == 4


def test_a_fleet_without_devices_has_a_history_too(fleet):
    assert write(fleet, NOW)
    assert not write(fleet, NOW)
    with fleet.database.read() as connection:
        assert list(versions_over_time(connection, products=None, now=NOW)) == []


def test_the_exposure_of_each_day_falls_as_devices_update(fleet):
    fleet.run("1.0.0", "1.0.0", "1.0.0")
    write(fleet, NOW)
    update(fleet, "cam-0", "1.1.0")
    write(fleet, NOW + DAY)
    update(fleet, "cam-1", "1.1.0")
    assert days(fleet, NOW + DAY) == [(2, 3, 3), (1, 2, 3), (0, 1, 3)]


def judged(connection, catalog):
    knowledge = Knowledge.of(connection, catalog, products=None)
    return severity_over_time(knowledge, versions_over_time(connection, products=None, now=NOW + DAY))


def test_how_bad_it_was_is_judged_by_what_is_known_today(fleet):
    fleet.run("1.0.0", "1.0.0", "1.0.0")
    write(fleet, NOW)
    update(fleet, "cam-0", "1.1.0")
    with fleet.database.read() as connection:
        found = judged(connection, LINE)
    (worst,) = {one.severity for one in found} - {None}
    assert [((NOW + DAY - one.day_at).days, one.severity, one.devices) for one in found] == [
        (2, worst, 3),
        (1, worst, 3),
        (0, worst, 2),
        (0, None, 1),
    ]


def test_a_product_that_is_no_more_is_not_judged(fleet):
    fleet.run("1.0.0")
    write(fleet, NOW)
    with fleet.database.begin() as connection:
        version_counts.gone(connection, "camera", "1.0.0")
    with fleet.database.read() as connection:
        assert judged(connection, Listed()) == ()


def test_a_day_on_which_no_server_ran_is_as_the_one_before(fleet):
    fleet.run("1.0.0")
    write(fleet, NOW)
    write(fleet, NOW + 3 * DAY)
    assert [day for day, *_ in days(fleet, NOW + 3 * DAY)] == [4, 3, 2, 1, 0]


def test_only_the_days_that_are_asked_for_are_looked_at(fleet):
    fleet.run("1.0.0")
    for number in range(5):
        write(fleet, NOW + number * DAY)
    assert len(days(fleet, NOW + 4 * DAY, days=2)) == 3


def test_another_product_s_days_are_not_seen(fleet):
    fleet.run("1.0.0")
    write(fleet, NOW)
    with fleet.database.read() as connection:
        assert list(versions_over_time(connection, products=frozenset({"lock"}), now=NOW)) == []
