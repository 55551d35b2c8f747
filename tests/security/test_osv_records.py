import pytest
from support.security_files import CRITICAL, FLASK_RANGE, affected, as_json, events, osv

from ota_client.manifest import Severity
from ota_server.errors import InvalidError
from ota_server.security.importing import parse
from ota_server.security.purl import Package, packages_of
from ota_server.security.weakness import Source, Status


def says(data, purl):
    """What a record says of a component."""
    (weakness,) = parse(data)
    return weakness.says_of(packages_of(purl), None)


def has(data, purl):
    return says(data, purl) is Status.AFFECTED


def test_a_record_says_what_the_weakness_is():
    (weakness,) = parse(osv())
    assert (weakness.id, weakness.document, weakness.source) == (
        "CVE-2026-1",
        "GHSA-aaaa-bbbb-cccc",
        Source.OSV,
    )
    assert weakness.severity is Severity.CRITICAL
    assert weakness.summary == "Sessions can be read by others"
    assert weakness.url == "https://example.org/a"
    assert weakness.modified_at == 1795161600
    assert weakness.notices == ()


def test_a_record_without_a_cve_id_stands_under_its_own():
    assert [weakness.id for weakness in parse(osv(cve=None))] == ["GHSA-aaaa-bbbb-cccc"]


def test_a_distribution_s_record_stands_under_each_cve_id_that_it_comes_from():
    data = osv(osv_id="DSA-5417-1", cve=None, upstream=["CVE-2026-1", "CVE-2026-2", "GHSA-x"])
    assert [weakness.id for weakness in parse(data)] == ["CVE-2026-1", "CVE-2026-2"]


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"severity": [{"type": "CVSS_V3", "score": CRITICAL}]}, Severity.CRITICAL),
        ({"severity": [{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}]}, Severity.HIGH),
        (
            {
                "severity": [
                    {
                        "type": "CVSS_V4",
                        "score": "CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N",
                    }
                ]
            },
            Severity.LOW,
        ),
        ({"severity": [], "database_specific": {"severity": "MODERATE"}}, Severity.MEDIUM),
        ({"severity": [{"type": "Ubuntu", "score": "medium"}]}, None),
        ({"severity": [], "database_specific": {"severity": ["odd"]}}, None),
        ({"severity": None}, None),
    ],
)
def test_the_severity_is_the_vector_s_or_the_database_s(more, severity):
    (weakness,) = parse(osv(**more))
    assert weakness.severity is severity


@pytest.mark.parametrize(
    ("ranges", "weak", "sound"),
    [
        (FLASK_RANGE, ["0.1", "2.3.1"], ["2.3.2", "3.0"]),
        ([[("introduced", "1.0"), ("last_affected", "1.5")]], ["1.0", "1.5"], ["0.9", "1.5.1"]),
        ([[("introduced", "1.0")]], ["1.0", "99"], ["0.9"]),
        # out of order, and more than once (OSV schema, "Evaluation")
        (
            [[("fixed", "2.5"), ("introduced", "2.0"), ("fixed", "1.2"), ("introduced", "0")]],
            ["1.1", "2.0", "2.4"],
            ["1.2", "1.9", "2.5"],
        ),
        # mended there, and there again
        (
            [[("introduced", "0"), ("fixed", "1.0"), ("introduced", "1.0"), ("fixed", "2.0")]],
            ["1.0"],
            ["2.0"],
        ),
        ([[("introduced", "1.5"), ("last_affected", "1.5")]], ["1.5"], ["1.4", "1.6"]),
        (
            [[("introduced", "0"), ("fixed", "1.0")], [("introduced", "2.0"), ("fixed", "2.1")]],
            ["0.5", "2.0"],
            ["1.5"],
        ),
    ],
)
def test_ranges_are_evaluated_as_the_schema_says(ranges, weak, sound):
    data = osv(affected(ranges=ranges))
    for version in weak:
        assert has(data, f"pkg:pypi/flask@{version}"), version
    for version in sound:
        assert says(data, f"pkg:pypi/flask@{version}") is None, version


def test_versions_that_are_named_count_beside_ranges():
    data = osv(affected(versions=["0.1", "3.9"], ranges=FLASK_RANGE))
    assert has(data, "pkg:pypi/flask@3.9.0")
    assert not has(data, "pkg:pypi/flask@3.8")


def test_a_component_whose_version_nobody_can_order_is_weak_in_doubt():
    assert has(osv(), "pkg:pypi/flask@main-abc")
    assert has(osv(), "pkg:pypi/flask")
    assert not has(osv(), "pkg:pypi/flask-login@1.0")


def test_a_bound_that_has_no_order_is_taken_for_the_worst():
    data = osv(affected(ranges=[[("introduced", "main"), ("fixed", "also main")]]))
    assert has(data, "pkg:pypi/flask@1")
    (weakness,) = parse(data)
    assert "taken for the worst" in weakness.notices[0]


def test_ranges_of_commits_are_not_read_and_told_of():
    entry = affected() | {
        "ranges": [
            {"type": "GIT", "repo": "https://example.org/x", "events": events(("introduced", "0"))}
        ]
    }
    (weakness,) = parse(osv(entry))
    assert "Git" in weakness.notices[0]
    assert not has(osv(entry), "pkg:pypi/flask@1.0")
    del entry["package"]
    (weakness,) = parse(osv(entry))
    assert (weakness.statements, len(weakness.notices)) == ((), 2)


def test_an_ecosystem_that_no_package_url_names_is_told_of():
    (weakness,) = parse(osv(affected("Kernel", "Linux", ranges=FLASK_RANGE)))
    assert (weakness.statements, "'Linux'" in weakness.notices[0]) == ((), True)


def test_what_was_withdrawn_weakens_nothing():
    data = osv(withdrawn="2026-11-21T00:00:00Z")
    assert not has(data, "pkg:pypi/flask@1.0")


@pytest.mark.parametrize(
    ("ecosystem", "name", "purl"),
    [
        ("PyPI", "Flask_Login", "pkg:pypi/flask-login@1.0"),
        ("npm", "@babel/core", "pkg:npm/%40babel/core@1.0.0"),
        ("Go", "golang.org/x/net", "pkg:golang/golang.org/x/net@v1.0.0"),
        ("Maven", "org.apache.commons:commons-text", "pkg:maven/org.apache.commons/commons-text@1.0"),
        ("crates.io", "openssl", "pkg:cargo/openssl@1.0.0"),
        ("Packagist", "guzzlehttp/guzzle", "pkg:composer/guzzlehttp/guzzle@1.0.0"),
        ("Debian:12", "openssl", "pkg:deb/debian/openssl@1.0-1?distro=debian-12"),
        ("Alpine:v3.18", "openssl", "pkg:apk/alpine/openssl@1.0-r0?distro=alpine-3.18.4"),
        ("Rocky Linux:9", "openssl", "pkg:rpm/rocky-linux/openssl@1.0-1?distro=rocky-linux-9.2"),
    ],
)
def test_an_ecosystem_s_package_is_a_package_url_s(ecosystem, name, purl):
    ranges = [[("introduced", "0"), ("fixed", "2.0")]]
    assert has(osv(affected(name, ecosystem, ranges=ranges)), purl)


def test_a_distribution_s_other_release_is_not_meant():
    data = osv(affected("openssl", "Debian:13", ranges=[[("introduced", "0"), ("fixed", "9")]]))
    assert not has(data, "pkg:deb/debian/openssl@1.0-1?distro=debian-12")
    assert has(data, "pkg:deb/debian/openssl@1.0-1?distro=debian-13")
    # which one nobody knows
    assert has(data, "pkg:deb/debian/openssl@1.0-1?distro=trixie")


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:deb/debian/libssl3@3.0.11-1?upstream=openssl",
        "pkg:deb/debian/libgcc@9-1?upstream=openssl%403.0.11-1",
    ],
)
def test_a_source_package_is_found_by_what_was_built_from_it(purl):
    assert has(
        osv(affected("openssl", "Debian", ranges=[[("introduced", "0"), ("fixed", "3.0.12-1")]])), purl
    )
    assert not has(
        osv(affected("openssl", "Debian", ranges=[[("introduced", "0"), ("fixed", "3.0.11-1")]])), purl
    )


def test_a_red_hat_package_is_read_with_its_epoch_and_source():
    qualifiers = "epoch=1&distro=rhel-9.2&upstream=openssl-3.0.7-24.el9.src.rpm"
    purl = f"pkg:rpm/rhel/openssl-libs@3.0.7-24.el9?{qualifiers}"
    assert packages_of(purl) == (
        Package("rpm/redhat/openssl-libs", "1:3.0.7-24.el9", "9.2"),
        Package("rpm/redhat/openssl", "1:3.0.7-24.el9", "9.2"),
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", "expected an OSV record"),
        (b"{", "expected JSON"),
        (as_json({"id": "../../etc", "modified": "2026-11-20T08:00:00Z"}), "id: expected the id"),
        (osv(modified="yesterday"), "modified: expected a time"),
        (osv(affected="flask"), "affected: expected a list"),
        (osv(affected=[{"package": {"purl": "flask"}}]), "package"),
        (osv(affected(versions=["9" * 200])), "at most 128 characters"),
    ],
)
def test_what_is_no_record_is_refused_in_a_sentence(data, message):
    with pytest.raises(InvalidError, match=message):
        parse(data)
