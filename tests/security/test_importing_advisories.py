import json

import pytest
from sqlalchemy import select
from support.exposed_fleet import Listed
from support.fleet import NOW
from support.security_files import FLASK, affected, csaf, cyclonedx, osv, product

from ota_client.manifest import Severity
from ota_server.database.events_schema import events
from ota_server.errors import InvalidError
from ota_server.security import stored


@pytest.fixture
def catalog():
    catalog = Listed(camera={"1.0.0": None}, lock={"1.0.0": None})
    catalog.bills = {"1.0.0": cyclonedx(FLASK)}
    return catalog


def told(fleet):
    with fleet.database.read() as connection:
        rows = connection.execute(select(events).order_by(events.c.id)).all()
    return [(row.product, row.severity, json.loads(row.document)) for row in rows]


def documents(fleet):
    with fleet.database.read() as connection:
        return stored.listed(connection, after=None, limit=100).items


def test_each_product_with_a_release_that_has_it_is_told_once(fleet, catalog):
    fleet.run("1.0.0", "1.0.0")
    fleet.read(catalog)
    fleet.take(catalog, osv())
    fleet.take(catalog, osv())
    camera, lock = told(fleet)
    assert camera == (
        "camera",
        "critical",
        {
            "id": "CVE-2026-1",
            "source": "osv",
            "summary": "Sessions can be read by others",
            "devices": 2,
            "matches": [{"product": "camera", "version": "1.0.0", "devices": 2}],
        },
    )
    assert (lock[0], lock[2]["devices"]) == ("lock", 0)


def test_what_matches_nothing_or_is_mended_by_our_own_word_is_not_told(fleet):
    catalog = Listed(camera={"1.0.0": "1.0.0"})
    catalog.bills = {"1.0.0": cyclonedx(FLASK)}
    fleet.read(catalog)
    fleet.take(catalog, osv(), osv(affected("django"), osv_id="GHSA-2", cve="CVE-2026-2"))
    assert told(fleet) == []


def test_all_files_are_taken_or_none(fleet, catalog):
    with pytest.raises(InvalidError, match="file-1: advisory: expected JSON"):
        fleet.take(catalog, osv(), b"{")
    assert documents(fleet) == ()


def test_several_documents_speak_of_one_weakness(fleet, catalog):
    fleet.read(catalog)
    newer = osv(osv_id="PYSEC-2026-1", severity=[], summary="")
    fleet.take(catalog, osv(), newer, csaf([product("f", FLASK)], {}, cve="CVE-2026-1"))
    assert [(one.id, one.document) for one in documents(fleet)] == [
        ("CVE-2026-1", "ACME-2026-1"),
        ("CVE-2026-1", "GHSA-aaaa-bbbb-cccc"),
        ("CVE-2026-1", "PYSEC-2026-1"),
    ]
    weakness = fleet.exposed(catalog).weakness
    assert weakness.severity is Severity.CRITICAL
    assert weakness.action == "Install the update."
    assert [source.value for source in weakness.sources] == ["osv", "csaf"]


def test_what_is_newer_is_kept_unless_forced(fleet, catalog):
    older = osv(modified="2026-11-19T08:00:00Z", summary="Older")
    fleet.take(catalog, osv())
    assert fleet.take(catalog, older).kept == ("CVE-2026-1",)
    assert documents(fleet)[0].summary == "Sessions can be read by others"
    assert fleet.take(catalog, older, force=True).kept == ()
    assert documents(fleet)[0].summary == "Older"


def test_a_newer_record_that_withdraws_it_ends_its_matches(fleet, catalog):
    fleet.read(catalog)
    assert fleet.take(catalog, osv()).matches == {"CVE-2026-1": 2}
    withdrawn = osv(modified="2026-11-21T08:00:00Z", withdrawn="2026-11-21T08:00:00Z")
    assert fleet.take(catalog, withdrawn).matches == {"CVE-2026-1": 0}


def test_what_could_not_be_read_is_told_by_file(fleet, catalog):
    done = fleet.take(catalog, osv(affected("Kernel", "Linux")))
    assert done.notices == ("file-0: packages of 'Linux' are not read: no package URL names them",)


def test_imports_come_by_page(fleet, catalog):
    records = [osv(osv_id=f"GHSA-{number}", cve=f"CVE-2026-{number}") for number in range(5)]
    fleet.take(catalog, *records)
    after, seen = None, []
    with fleet.database.read() as connection:
        while True:
            page = stored.listed(connection, after=after, limit=2)
            seen += [one.id for one in page.items]
            assert page.total == 5
            if (after := page.next_after) is None:
                break
    assert seen == [f"CVE-2026-{number}" for number in range(5)]


def test_a_document_that_is_kept_reads_as_it_was_imported(fleet, catalog):
    done = fleet.take(catalog, csaf([product("f", FLASK)], {"known_affected": ["f"]}), osv())
    with fleet.database.read() as connection:
        for weakness in done.weaknesses:
            assert stored.find(connection, weakness.id) == (weakness,)


def test_an_import_says_when(fleet, catalog):
    fleet.take(catalog, osv())
    assert documents(fleet)[0].imported_at == NOW
