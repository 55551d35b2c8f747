import json
from contextlib import contextmanager

import pytest
from sqlalchemy import select
from support.exposed_fleet import Listed
from support.fleet import NOW
from support.security_files import BUSYBOX, FLASK, OPENSSL, affected, cyclonedx, osv

from ota_client.formats.version import Version
from ota_client.manifest import Severity
from ota_server.database.operators_schema import audit_entries
from ota_server.errors import ForbiddenError, NotFoundError
from ota_server.operations import security
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Actor, ActorKind, Role
from ota_server.security.importing import Document

EVERYTHING = Actor.machine("mia")
OLD, NEW = Version(1, 0, 0), Version(1, 1, 0)


def viewer(*products):
    return Actor(ActorKind.OPERATOR, "eve", dict.fromkeys(products, Role.VIEWER))


@pytest.fixture
def catalog():
    catalog = Listed(camera={"1.0.0": None, "1.1.0": "1.1.0"}, lock={"2.0.0": None})
    catalog.bills = {
        "1.0.0": cyclonedx(FLASK, OPENSSL),
        "1.1.0": cyclonedx("pkg:pypi/flask@2.4", BUSYBOX),
        "2.0.0": cyclonedx(BUSYBOX),
    }
    return catalog


FLASK_WEAK = osv(osv_id="GHSA-1", cve="CVE-2026-11")
BUSYBOX_WEAK = osv(
    affected(
        "busybox", "", purl="pkg:generic/busybox", ranges=[[("introduced", "1.30"), ("fixed", "1.37")]]
    ),
    osv_id="ACME-2",
    cve=None,
    severity=[],
)


@pytest.fixture
def at(fleet, catalog):
    """Desks over a fleet with two imported weaknesses and one of our own."""
    fleet.run("1.0.0", "1.0.0", "1.1.0")
    fleet.run("2.0.0", product="lock")
    fleet.read(catalog)
    fleet.take(catalog, FLASK_WEAK, BUSYBOX_WEAK)

    @contextmanager
    def desk(actor=EVERYTHING):
        with fleet.database.begin() as connection:
            yield Desk(connection, actor, NOW, catalog)

    return desk


def test_weaknesses_are_listed_the_worst_first_with_who_has_them(at):
    with at() as desk:
        page = security.weaknesses(desk)
    assert [
        (one.weakness.id, one.weakness.severity, one.products, one.devices) for one in page.items
    ] == [
        ("CVE-2026-11", Severity.CRITICAL, ("camera",), 2),
        ("CVE-2020-9", Severity.HIGH, ("camera", "lock"), 0),
        ("CVE-2026-1", Severity.HIGH, ("camera",), 2),
        ("ACME-2", None, ("camera", "lock"), 2),
    ]


def test_weaknesses_come_by_page_and_by_text(at):
    with at() as desk:
        first = security.weaknesses(desk, limit=3)
        assert (len(first.items), first.total, first.next_after) == (3, 4, "CVE-2026-1")
        second = security.weaknesses(desk, limit=3, after=first.next_after)
        assert ([one.weakness.id for one in second.items], second.next_after) == (["ACME-2"], None)
        assert security.weaknesses(desk, text="overflow").total == 2
        assert security.weaknesses(desk, text="cve-2026-11").total == 1


def test_each_running_version_says_what_it_contains(at):
    with at() as desk:
        found = {
            (one.product, str(one.version)): (one.devices, [w.id for w in one.weaknesses], one.severity)
            for one in security.running(desk)
        }
        assert found == {
            ("camera", "1.0.0"): (2, ["CVE-2026-11", "CVE-2026-1"], Severity.CRITICAL),
            ("camera", "1.1.0"): (1, ["ACME-2"], None),
            ("lock", "2.0.0"): (1, ["ACME-2"], None),
        }


def test_a_release_says_what_it_mends_and_what_it_brings_in(at):
    with at() as desk:
        found = security.release(desk, "camera", NEW)
        assert found.before == OLD
        assert [one.id for one in found.fixes] == ["CVE-2026-11", "CVE-2026-1"]
        assert [one.id for one in found.brings_in] == ["ACME-2"]
        assert [(one.weakness.id, one.components) for one in found.contains] == [
            ("ACME-2", ("pkg:generic/busybox@1.36.0",))
        ]
        assert (found.is_read, found.refusal) == (True, "")
        first = security.release(desk, "camera", OLD)
        assert (first.before, first.fixes, first.brings_in) == (None, (), ())
        with pytest.raises(NotFoundError):
            security.release(desk, "camera", Version(9, 9, 9))


def test_two_releases_differ_in_components_and_weaknesses(at):
    with at() as desk:
        found = security.difference(desk, "camera", OLD, NEW)
    assert [one.name for one in found.added] == ["busybox"]
    assert [one.name for one in found.removed] == ["libssl3"]
    assert [(one.before.version, one.after.version) for one in found.changed] == [("2.3.1", "2.4")]
    assert [one.id for one in found.fixes] == ["CVE-2026-11", "CVE-2026-1"]
    assert [one.id for one in found.brings_in] == ["ACME-2"]


def test_a_release_whose_predecessor_nobody_can_tell_of_brings_in_nothing_known(fleet, at):
    other = Listed(door={"1.0.0": None, "1.1.0": None})
    other.bills = {"1.1.0": cyclonedx(BUSYBOX)}
    fleet.read(other)
    with fleet.database.read() as connection:
        found = security.release(Desk(connection, EVERYTHING, NOW, other), "door", NEW)
    assert ([one.weakness.id for one in found.contains], found.brings_in) == (["ACME-2"], ())


def test_another_product_s_people_see_nothing_of_it(at):
    with at(viewer("lock")) as desk:
        assert [one.weakness.id for one in security.weaknesses(desk).items] == ["CVE-2020-9", "ACME-2"]
        assert [one.products for one in security.weaknesses(desk).items] == [("lock",), ("lock",)]
        assert [one.product for one in security.running(desk)] == ["lock"]
        assert [d.device_id for d in security.exposed_devices(desk, "ACME-2").items] == ["loc-0"]
        for ask in (
            security.exposed,
            security.exposed_devices,
            security.exposed_over_time,
            security.documents,
        ):
            with pytest.raises(NotFoundError):
                ask(desk, "CVE-2026-11")
        for ask in (security.release, security.bill):
            with pytest.raises(NotFoundError):
                ask(desk, "camera", OLD)
        with pytest.raises(NotFoundError):
            security.difference(desk, "camera", OLD, NEW)
        with pytest.raises(ForbiddenError):
            security.imported(desk)
        # which may name other products
        assert [(one.document, one.statements) for one in security.documents(desk, "ACME-2")] == [
            ("ACME-2", ())
        ]
    with at(viewer()) as desk:
        assert security.weaknesses(desk).items == security.running(desk) == ()


def test_only_an_admin_of_all_products_imports_and_removes(at):
    admin_of_one = Actor(ActorKind.OPERATOR, "max", {"camera": Role.ADMIN, "*": Role.OPERATOR})
    with at(admin_of_one) as desk:
        with pytest.raises(ForbiddenError):
            security.import_documents(desk, [Document.read("x", osv())])
        with pytest.raises(ForbiddenError):
            security.remove(desk, "ACME-2")


def test_imports_and_removals_are_written_down(at, fleet):
    with at() as desk:
        security.import_documents(desk, [Document.read("x", osv())])
        assert security.remove(desk, "CVE-2026-1") == 1
        with pytest.raises(NotFoundError):
            security.remove(desk, "CVE-2026-1")
    with fleet.database.read() as connection:
        rows = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).all()
    assert [(row.action, row.target, row.actor, json.loads(row.detail)) for row in rows] == [
        ("advisory.import", "CVE-2026-1", "mia", {"document": "GHSA-aaaa-bbbb-cccc", "source": "osv"}),
        ("advisory.remove", "CVE-2026-1", "mia", {"documents": 1}),
    ]


def test_what_is_asked_costs_the_same_for_any_fleet(at, fleet, catalog):
    """Only pages of devices read devices' rows."""
    with fleet.database.read() as connection:
        desk = Desk(_WithoutDevices(connection), EVERYTHING, NOW, catalog)
        security.weaknesses(desk)
        security.exposed(desk, "CVE-2026-11")
        security.exposed_over_time(desk, "CVE-2026-11")
        security.running(desk)
        security.release(desk, "camera", NEW)


class _WithoutDevices:
    """A connection that has no devices to look at."""

    def __init__(self, connection):
        self._connection = connection

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, statement, *args):
        assert "FROM devices" not in str(statement)
        return self._connection.execute(statement, *args)

    def scalars(self, statement, *args):
        return self.execute(statement, *args).scalars()

    def scalar(self, statement, *args):
        return self.execute(statement, *args).scalar()
