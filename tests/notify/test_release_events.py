"""The heart: what a published release changes for security, and for which devices (OWASP IoT item 4)."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select
from support.fleet import add_devices
from support.known_releases import KnownReleases, release
from support.memory_repository import HARDWARE, PRODUCT, MemoryRepository, Release
from support.security_files import BUSYBOX, FLASK, cyclonedx, osv
from support.telling import ids

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Sbom, Severity
from ota_server.catalog import Catalog
from ota_server.database.events_schema import events
from ota_server.errors import NotPublishedError
from ota_server.journal.event_kind import EventKind
from ota_server.notify.exposed import release_event
from ota_server.notify.watch_published import tell_published
from ota_server.security.contents import read_new
from ota_server.security.importing import Document, import_all


class Files:
    """A repository in memory, as the store of published files."""

    def __init__(self, repository):
        self.repository = repository

    def read_small(self, name, _most_bytes):
        if name not in self.repository.files:
            raise NotPublishedError(name)
        return self.repository.files[name]


def advisory(number, severity, fixed_in):
    return Advisory(
        f"CVE-2026-{number}", severity, "A page shows secrets.", "Change it.", Version.parse(fixed_in)
    )


OLD, NEW = advisory(1, Severity.LOW, "1.1.0"), advisory(2, Severity.HIGH, "1.2.0")


@pytest.fixture
def house(telling):
    repository = MemoryRepository()
    telling.now = repository.now + timedelta(minutes=1)
    repository.put(Release("1.1.0", advisories=(OLD,)))
    catalog = Catalog(Files(repository), clock=lambda: telling.now)
    with telling.begin() as connection:
        for number, version in enumerate([None, "1.0.0", "1.1.0", "1.1.0", "1.2.0"]):
            names = {"product": PRODUCT, "hardware_id": HARDWARE, "running_version": version}
            add_devices(connection, [f"gw-{number}"], **names)
    return telling, repository, catalog


def watch(telling, catalog, now=None):
    with telling.begin() as connection:
        tell_published(connection, catalog, warning_days=14, now=now or telling.now)


def told(telling, kind):
    with telling.database.read() as connection:
        found = connection.execute(select(events).filter_by(kind=kind).order_by(events.c.id)).all()
    return [(row.product, row.severity, json.loads(row.document)) for row in found]


def test_a_release_says_what_it_mends_what_to_do_and_who_needs_it(house):
    telling, repository, catalog = house
    watch(telling, catalog)
    repository.put(Release("1.2.0", advisories=(OLD, NEW)))
    watch(telling, catalog)
    watch(telling, catalog)
    (_, _, first), (product, severity, second) = told(telling, "release.published")
    assert first["version"] == "1.1.0"
    assert (product, severity, second["version"]) == (PRODUCT, "high", "1.2.0")
    assert second["fixes"] == [
        {
            "id": "CVE-2026-2",
            "severity": "high",
            "summary": "A page shows secrets.",
            "action": "Change it.",
            "fixed_in": "1.2.0",
            "exposed_devices": 4,
            "exposed_versions": ["1.1.0", None, "1.0.0"],
        }
    ]
    assert second["exposed"] == {
        "devices": 4,
        "of": 5,
        "first": ["gw-0", "gw-1", "gw-2", "gw-3"],
        "versions": [
            {"version": "1.1.0", "devices": 2},
            {"version": None, "devices": 1},
            {"version": "1.0.0", "devices": 1},
        ],
    }


def test_of_what_was_there_before_anybody_watched_only_the_newest_is_told(house):
    telling, repository, catalog = house
    repository.put(Release("1.2.0", advisories=(OLD, NEW)))
    watch(telling, catalog)
    assert [document["version"] for _, _, document in told(telling, "release.published")] == ["1.2.0"]


def test_the_owner_of_devices_learns_of_these_alone(house, receiver):
    telling, repository, catalog = house
    watch(telling, catalog)
    telling.subscribe("mine", address=receiver.url, device_ids="gw-?")
    telling.subscribe("one", address=receiver.url, device_ids="gw-2")
    telling.subscribe("nobody", address=receiver.url, device_ids="tv-*")
    repository.put(Release("1.2.0", advisories=(OLD, NEW)))
    watch(telling, catalog)
    for name in ("one", "nobody"):
        telling.send(name)
    (one,) = receiver.received
    document = json.loads(one.body)["document"]
    assert document["exposed"] == {
        "devices": 1,
        "of": 1,
        "first": ["gw-2"],
        "versions": [{"version": "1.1.0", "devices": 1}],
    }
    (fix,) = document["fixes"]
    assert (fix["exposed_devices"], fix["exposed_versions"]) == (1, ["1.1.0"])
    telling.send("mine")
    assert json.loads(receiver.received[1].body)["document"]["exposed"]["devices"] == 4
    assert ids(receiver) == [2, 2]


def test_the_least_severity_leaves_out_releases_that_mend_less(house, receiver):
    telling, repository, catalog = house
    telling.subscribe(
        address=receiver.url, kinds=frozenset({EventKind.RELEASE_PUBLISHED}), least_severity="medium"
    )
    watch(telling, catalog)
    repository.put(Release("1.2.0", advisories=(OLD, NEW)))
    watch(telling, catalog)
    telling.send()
    assert [json.loads(one.body)["severity"] for one in receiver.received] == ["high"]


def test_metadata_that_ends_soon_is_told_of_once(house):
    telling, _, catalog = house
    reading = catalog.current().products[PRODUCT]
    soon = min(reading.roles_expire_at.values()) - timedelta(hours=2)
    watch(telling, catalog, soon)
    watch(telling, catalog, soon)
    found = [document["role"] for _, _, document in told(telling, "metadata.expiring")]
    assert found
    assert len(found) == len(set(found))


def test_another_root_is_told_of(house):
    telling, repository, catalog = house
    watch(telling, catalog)
    assert told(telling, "root.changed") == []
    repository.publish_root()
    repository.publish_timestamp()
    watch(telling, catalog)
    watch(telling, catalog)
    assert told(telling, "root.changed") == [("", "", {"root_version": 2, "before": 1})]


def test_a_release_says_what_it_brings_in_however_little_it_mends(telling):
    bills = [cyclonedx(BUSYBOX), cyclonedx(BUSYBOX, FLASK)]
    catalog = KnownReleases()
    for version, bill in zip(("1.0.0", "1.1.0"), bills, strict=True):
        sbom = Sbom("sbom.json", len(bill), sha256(bill).hexdigest())
        catalog.put(release("cam", version, sbom=sbom))
        catalog.sboms[f"targets/cam/{version}/{sbom.sha256}.sbom.json"] = bill
    read_new(telling.database, catalog, now=telling.now)
    with telling.begin() as connection:
        import_all(connection, catalog, [Document.read("x", osv())], now=telling.now, force=False)
        second = catalog.release("cam", Version.parse("1.1.0"))
        event = release_event(connection, catalog, second)
    (brought,) = event.document["brings_in"]
    assert (brought["id"], brought["components"]) == ("CVE-2026-1", [FLASK])
    assert event.severity == brought["severity"] != ""
