from datetime import timedelta

import pytest
from support.exposed_fleet import Listed
from support.fleet import NOW
from support.security_files import (
    BUSYBOX,
    FLASK,
    OPENSSL,
    affected,
    csaf,
    cyclonedx,
    osv,
    part_of,
    product,
    spdx,
)

from ota_client.formats.version import Version
from ota_server.errors import NotFoundError, PublishedFolderError, SbomError
from ota_server.security import contents, stored
from ota_server.security.contents import bill
from ota_server.security.knowledge import Standing
from ota_server.security.matching import matched

FIXED_FLASK = "pkg:pypi/flask@2.3.2"


@pytest.fixture
def catalog():
    """Two releases; the second has a mended component."""
    catalog = Listed(camera={"1.0.0": None, "1.1.0": None})
    catalog.bills = {"1.0.0": cyclonedx(FLASK, OPENSSL), "1.1.0": spdx(FIXED_FLASK, BUSYBOX)}
    return catalog


def matches(fleet, weakness_id="CVE-2026-1"):
    with fleet.database.read() as connection:
        return {version for _, version in matched(connection, weakness_id)}


def standings(exposure):
    return {str(one.version): (one.standing, one.components) for one in exposure.versions}


def test_an_import_finds_the_releases_that_have_the_component(fleet, catalog):
    fleet.run("1.0.0", "1.0.0", "1.1.0", "0.5.0")
    assert fleet.read(catalog) == 2
    done = fleet.take(catalog, osv())
    assert done.matches == {"CVE-2026-1": 1}
    exposure = fleet.exposed(catalog)
    assert standings(exposure) == {"1.0.0": (Standing.HAS_COMPONENT, ("pkg:pypi/flask@2.3.1",))}
    # nobody knows what 0.5.0 was made of
    assert (exposure.devices, exposure.unknown, exposure.of) == (2, 1, 4)


def test_a_release_that_comes_later_is_matched_with_what_was_imported(fleet, catalog):
    fleet.take(catalog, osv())
    assert matches(fleet) == set()
    fleet.read(catalog)
    assert matches(fleet) == {"1.0.0"}
    # each SBOM is read once
    assert fleet.read(catalog) == 0


def test_what_a_retired_release_was_made_of_stays_known(fleet, catalog):
    fleet.run("1.0.0")
    fleet.read(catalog)
    retired = Listed(camera={"1.1.0": None})
    retired.bills = {"1.1.0": catalog.bills["1.1.0"]}
    fleet.take(retired, osv())
    assert fleet.exposed(retired).devices == 1


def test_our_own_signed_word_beats_a_component_s_version(fleet):
    catalog = Listed(camera={"1.0.0": None, "1.1.0": "1.1.0"})
    # the release engineers mended it in place
    catalog.bills = {"1.0.0": cyclonedx(FLASK), "1.1.0": cyclonedx(FLASK)}
    fleet.run("1.0.0", "1.1.0")
    fleet.read(catalog)
    fleet.take(catalog, osv())
    exposure = fleet.exposed(catalog)
    assert matches(fleet) == {"1.0.0", "1.1.0"}
    assert {version: why for version, (why, _) in standings(exposure).items()} == {
        "1.0.0": Standing.NOT_FIXED
    }
    assert (exposure.devices, exposure.unknown) == (1, 0)
    assert [source.value for source in exposure.weakness.sources] == ["signed", "osv"]
    assert exposure.weakness.summary == "Overflow (1.1.0)"


def vex(*status_of, **more):
    flask = product("flask", FLASK)
    gateway = product("gw", "pkg:generic/acme/gateway@1.0.0")
    inside = part_of("flask-in-gw", "flask", "gw")
    branches = [flask, gateway, *more.pop("branches", ())]
    return csaf(branches, dict(status_of), cve="CVE-2026-1", relationships=[inside], **more)


@pytest.mark.parametrize(
    ("status", "is_matched"),
    [
        (("known_not_affected", ["flask"]), False),
        (("fixed", ["flask"]), False),
        # as part of this release, and of the release as a whole
        (("known_not_affected", ["flask-in-gw"]), False),
        (("known_not_affected", ["gw"]), False),
        (("under_investigation", ["flask"]), True),
        (("known_affected", ["gw"]), True),
    ],
)
def test_a_vex_statement_suppresses_a_match(fleet, catalog, status, is_matched):
    fleet.read(catalog)
    fleet.take(catalog, osv(), vex(status))
    assert matches(fleet) == ({"1.0.0"} if is_matched else set())


def test_a_vex_statement_of_another_product_suppresses_nothing(fleet, catalog):
    other = product("router", "pkg:generic/other/router@1.0.0")
    elsewhere = part_of("flask-in-router", "flask", "router")
    data = csaf(
        [product("flask", FLASK), other],
        {"known_not_affected": ["flask-in-router", "router"]},
        cve="CVE-2026-1",
        relationships=[elsewhere],
    )
    fleet.read(catalog)
    fleet.take(catalog, osv(), data)
    assert matches(fleet) == {"1.0.0"}


def test_a_release_may_be_named_as_a_whole(fleet, catalog):
    fleet.read(catalog)
    fleet.take(catalog, vex(("known_affected", ["gw"])))
    assert matches(fleet) == {"1.0.0"}


def test_a_source_package_s_weakness_is_found_in_what_was_built_from_it(fleet, catalog):
    fleet.read(catalog)
    ranges = [[("introduced", "0"), ("fixed", "3.0.11-1~deb12u2")]]
    fleet.take(catalog, osv(affected("openssl", "Debian:12", ranges=ranges)))
    assert matches(fleet) == {"1.0.0"}


def test_what_is_removed_matches_no_more(fleet, catalog):
    fleet.read(catalog)
    fleet.take(catalog, osv(), osv(osv_id="PYSEC-1"))
    with fleet.database.begin() as connection:
        assert stored.remove(connection, "CVE-2026-1") == 2
        from ota_server.security.matching import match_again

        match_again(connection, ["CVE-2026-1"])
    assert matches(fleet) == set()
    with pytest.raises(NotFoundError):
        fleet.exposed(catalog)


def test_an_sbom_that_cannot_be_read_is_remembered_with_the_reason(fleet, catalog):
    catalog.bills = {"1.0.0": b"{}", "1.1.0": cyclonedx(FLASK)}
    fleet.run("1.0.0", "1.1.0")
    assert fleet.read(catalog) == 2
    assert fleet.read(catalog) == 0
    with fleet.database.read() as connection:
        with pytest.raises(SbomError, match="without bomFormat"):
            bill(connection, catalog, "camera", Version(1, 0, 0))
        assert "bomFormat" in contents.refusal(connection, "camera", Version(1, 0, 0))
        assert contents.refusal(connection, "camera", Version(1, 1, 0)) == ""
    fleet.take(catalog, osv())
    exposure = fleet.exposed(catalog)
    assert (exposure.devices, exposure.unknown) == (1, 1)


def test_files_that_cannot_be_read_now_are_tried_again(fleet, catalog, monkeypatch):
    def fails(_):
        raise PublishedFolderError("away")

    with monkeypatch.context() as away:
        away.setattr(catalog, "read_sbom", fails)
        with pytest.raises(PublishedFolderError):
            fleet.read(catalog)
    assert fleet.read(catalog) == 2


def test_another_sbom_of_a_release_is_read_anew(fleet, catalog):
    fleet.read(catalog)
    fleet.take(catalog, osv())
    catalog.bills["1.0.0"] = cyclonedx(FIXED_FLASK)
    assert fleet.read(catalog, now=NOW + timedelta(days=1)) == 1
    assert matches(fleet) == set()
