"""What of security depends on the database: its locks, its order of texts, its types."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from support.exposed_fleet import ExposedFleet, Listed
from support.fleet import NOW
from support.postgresql import needs_postgresql, postgresql
from support.security_files import BUSYBOX, FLASK, cyclonedx, osv

from ota_server.database.database import Database
from ota_server.database.migrate import upgrade
from ota_server.database.security_schema import version_history
from ota_server.security import stored
from ota_server.security.daily import write_history
from ota_server.security.history import exposed_over_time
from ota_server.security.importing import Document, import_all
from ota_server.security.matching import matched

pytestmark = [pytest.mark.system, needs_postgresql]


@pytest.fixture
def fleet():
    with postgresql() as cluster:
        database = Database(cluster.database())
        upgrade(database)
        yield ExposedFleet(database)
        database.close()


def test_the_whole_of_it_works(fleet):
    catalog = Listed(camera={"1.0.0": None, "1.1.0": None})
    catalog.bills = {"1.0.0": cyclonedx(FLASK), "1.1.0": cyclonedx(BUSYBOX)}
    fleet.run("1.0.0", "1.0.0", "1.1.0", "0.9.0")
    assert fleet.read(catalog) == 2
    assert fleet.take(catalog, osv()).matches == {"CVE-2026-1": 1}
    exposure = fleet.exposed(catalog)
    assert (exposure.devices, exposure.unknown, exposure.of) == (2, 1, 4)


def test_imports_come_by_page_in_any_language(fleet):
    names = ["GHSA-a", "GHSA-B", "GHSA-a-b", "ghsa_c", "GHSA.d"]
    fleet.take(Listed(), *(osv(osv_id=name.replace("_", "-"), cve=None) for name in names))
    after, seen = None, set()
    with fleet.database.read() as connection:
        while True:
            page = stored.listed(connection, after=after, limit=1)
            seen |= {one.id for one in page.items}
            if (after := page.next_after) is None:
                break
    assert len(seen) == len(names)


def test_of_several_processes_one_writes_the_day(fleet):
    fleet.run("1.0.0", "1.1.0")

    def write(now):
        with fleet.database.begin() as connection:
            return write_history(connection, now=now)

    with ThreadPoolExecutor(8) as threads:
        for number in range(2):
            assert sum(threads.map(write, [NOW + timedelta(days=number)] * 8)) == 1
    with fleet.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(version_history)) == 4
        days = exposed_over_time(
            connection,
            Listed(camera={"1.0.0": None, "1.1.0": "1.1.0"}),
            "CVE-2026-1",
            products=None,
            now=NOW + timedelta(days=1),
        )
    assert [day.devices for day in days] == [1, 1, 1]


def test_an_import_and_a_new_release_at_once_do_not_miss_each_other(fleet):
    catalog = Listed(camera={"1.0.0": None})
    catalog.bills = {"1.0.0": cyclonedx(FLASK)}
    with ThreadPoolExecutor(1) as thread:
        with fleet.database.begin() as connection:
            import_all(connection, catalog, [Document.read("x", osv())], now=NOW, force=False)
            reading = thread.submit(fleet.read, catalog)
            # were it not to wait for the import, it would be done now, and would not know of it
            wait([reading], timeout=0.5)
        assert reading.result() == 1
    with fleet.database.read() as connection:
        assert matched(connection, "CVE-2026-1") == {("camera", "1.0.0")}


def test_two_processes_that_read_one_release_do_no_harm(fleet):
    catalog = Listed(camera={"1.0.0": None})
    catalog.bills = {"1.0.0": cyclonedx(FLASK)}
    fleet.take(catalog, osv())
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(fleet.read, [catalog] * 4)) <= {0, 1}
    with fleet.database.read() as connection:
        assert matched(connection, "CVE-2026-1") == {("camera", "1.0.0")}
