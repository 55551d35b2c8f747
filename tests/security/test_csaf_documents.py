import pytest
from support.security_files import as_json, csaf, part_of, product

from ota_client.manifest import Severity
from ota_server.errors import InvalidError
from ota_server.security.importing import parse
from ota_server.security.purl import packages_of, read_purl
from ota_server.security.weakness import Source, Status


def says(data, purl, subject=None):
    """What a document says of a component."""
    (weakness,) = parse(data)
    return weakness.says_of(packages_of(purl), read_purl(subject) if subject else None)


SSL = product("ssl", "pkg:generic/openssl@3.0.2")
NEWER = product("newer", "pkg:generic/openssl@3.0.9")


def test_a_document_says_what_the_weakness_is():
    (weakness,) = parse(csaf([SSL], {"known_affected": ["ssl"]}))
    assert (weakness.id, weakness.document, weakness.source) == (
        "CVE-2026-2",
        "ACME-2026-1",
        Source.CSAF,
    )
    assert (weakness.severity, weakness.summary) == (Severity.HIGH, "A web page reads too much.")
    assert weakness.action == "Install the update."


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        ({"cvss_v3": {"baseSeverity": "CRITICAL", "baseScore": 9.8}}, Severity.CRITICAL),
        ({"cvss_v3": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}}, Severity.MEDIUM),
        ({"cvss_v2": {"baseScore": 2.0}}, Severity.HIGH),
    ],
)
def test_the_severity_is_the_score_s_or_the_document_s(score, severity):
    data = csaf([SSL], {}, vulnerability={"scores": [{"products": ["ssl"], **score}]})
    assert parse(data)[0].severity is severity


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("known_affected", Status.AFFECTED),
        ("first_affected", Status.AFFECTED),
        ("last_affected", Status.AFFECTED),
        ("fixed", Status.FIXED),
        ("first_fixed", Status.FIXED),
        ("known_not_affected", Status.NOT_AFFECTED),
        ("under_investigation", None),
        ("recommended", None),
    ],
)
def test_each_status_means_what_csaf_says(status, meaning):
    data = csaf([SSL, NEWER], {status: ["ssl"]})
    assert says(data, "pkg:generic/openssl@3.0.2") is meaning
    assert says(data, "pkg:generic/openssl@3.0.9") is None
    assert says(data, "pkg:generic/busybox@3.0.2") is None


def test_a_range_of_versions_is_read():
    branch = product(
        "old", "pkg:generic/openssl", category="product_version_range", name="vers:generic/<3.0.9"
    )
    data = csaf([branch, NEWER], {"known_affected": ["old"], "fixed": ["newer"]})
    assert says(data, "pkg:generic/openssl@1.1.1w") is Status.AFFECTED
    assert says(data, "pkg:generic/openssl@3.0.9") is Status.FIXED
    assert says(data, "pkg:generic/openssl@3.1") is None


def test_a_version_may_stand_in_the_branch_alone():
    data = csaf([product("ssl", "pkg:generic/openssl", name="3.0.2")], {"known_affected": ["ssl"]})
    assert says(data, "pkg:generic/openssl@3.0.2") is Status.AFFECTED
    assert says(data, "pkg:generic/openssl@3.0.3") is None


def test_what_is_said_of_a_version_beats_what_is_said_of_all():
    every = product("all", "pkg:generic/openssl", name="openssl")
    data = csaf([every, NEWER], {"known_affected": ["all"], "fixed": ["newer"]})
    assert says(data, "pkg:generic/openssl@3.0.9") is Status.FIXED
    assert says(data, "pkg:generic/openssl@3.0.8") is Status.AFFECTED
    data = csaf([every, NEWER], {"known_not_affected": ["all"], "known_affected": ["newer"]})
    assert says(data, "pkg:generic/openssl@3.0.9") is Status.AFFECTED
    assert says(data, "pkg:generic/openssl@3.0.8") is Status.NOT_AFFECTED


def test_a_range_that_nobody_can_read_is_taken_for_the_worst():
    branch = product(
        "old", "pkg:generic/openssl", category="product_version_range", name="all before spring"
    )
    data = csaf([branch], {"known_affected": ["old"]})
    assert says(data, "pkg:generic/openssl@9") is Status.AFFECTED
    assert "taken for the worst" in parse(data)[0].notices[0]
    # and no comfort is taken from it
    assert says(csaf([branch], {"fixed": ["old"]}), "pkg:generic/openssl@9") is None


GATEWAY = product("gw", "pkg:generic/acme/gateway@1.0.0")
IN_GATEWAY = part_of("ssl-in-gw", "ssl", "gw")


def test_a_component_of_a_product_is_meant_there_alone():
    data = csaf([SSL, GATEWAY], {"known_not_affected": ["ssl-in-gw"]}, relationships=[IN_GATEWAY])
    ssl = "pkg:generic/openssl@3.0.2"
    assert says(data, ssl, "pkg:generic/acme/gateway@1.0.0") is Status.NOT_AFFECTED
    assert says(data, ssl, "pkg:generic/acme/gateway@1.1.0") is None
    assert says(data, ssl, "pkg:generic/other/router@1.0.0") is None
    assert says(data, ssl) is None


def test_no_comfort_is_taken_from_a_product_that_nobody_can_name():
    nameless = product("gw", cpe="cpe:/h:acme:gateway:1")
    data = csaf([SSL, nameless], {"known_not_affected": ["ssl-in-gw"]}, relationships=[IN_GATEWAY])
    assert says(data, "pkg:generic/openssl@3.0.2", "pkg:generic/acme/gateway@1.0.0") is None
    assert "without a package URL" in parse(data)[0].notices[0]
    data = csaf([SSL, nameless], {"known_affected": ["ssl-in-gw"]}, relationships=[IN_GATEWAY])
    assert says(data, "pkg:generic/openssl@3.0.2") is Status.AFFECTED


@pytest.mark.parametrize(
    "cpe", ["cpe:/o:redhat:enterprise_linux:8", "cpe:2.3:o:redhat:enterprise_linux:8:*:*:*:*:*:*:*"]
)
def test_a_distribution_s_package_is_meant_in_that_release(cpe):
    package = product("ssl", "pkg:rpm/redhat/openssl?arch=src", name="openssl")
    platform = product("el8", cpe=cpe)
    both = part_of("el8:ssl", "ssl", "el8")
    data = csaf([package, platform], {"known_not_affected": ["el8:ssl"]}, relationships=[both])
    assert says(data, "pkg:rpm/redhat/openssl@1-1?distro=rhel-8.9") is Status.NOT_AFFECTED
    assert says(data, "pkg:rpm/redhat/openssl@1-1?distro=rhel-9.2") is None
    assert says(data, "pkg:rpm/redhat/openssl@1-1") is None


def test_why_a_product_has_it_not_is_kept():
    flags = [{"label": "vulnerable_code_not_present", "product_ids": ["ssl"]}]
    data = csaf([SSL], {"known_not_affected": ["ssl"]}, vulnerability={"flags": flags})
    assert parse(data)[0].statements[0].reason == "vulnerable_code_not_present"


def test_a_weakness_without_a_cve_id_has_another():
    data = csaf([SSL], {}, cve=None, vulnerability={"ids": [{"system_name": "Acme", "text": "ACME-77"}]})
    assert parse(data)[0].id == "ACME-77"
    assert parse(csaf([SSL], {}, cve=None))[0].id == "ACME-2026-1.1"


def test_a_product_that_the_tree_has_not_is_told_of():
    (weakness,) = parse(csaf([SSL], {"known_affected": ["nobody"]}))
    assert (weakness.statements, len(weakness.notices)) == ((), 1)


def test_branches_too_deep_within_each_other_are_refused():
    branch = SSL
    for _ in range(30):
        branch = {"category": "product_family", "name": "x", "branches": [branch]}
    with pytest.raises(InvalidError, match="within each other"):
        parse(csaf([branch], {}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (csaf([SSL], {}, csaf_version="1.2"), "csaf_version: expected one of 2.0, 2.1"),
        (csaf([SSL], {}, tracking={}), "tracking: id"),
        (csaf([SSL], {"fixed": "ssl"}), "fixed: expected a list"),
        (csaf([product("x", "openssl")], {}), "product 'x': purl"),
        (as_json({"document": {"csaf_version": "2.0"}, "product_tree": []}), "expected"),
    ],
)
def test_what_is_no_document_is_refused_in_a_sentence(data, message):
    with pytest.raises(InvalidError, match=message):
        parse(data)
