import pytest
from device_rows import add_device, one_transaction

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_server.devices.exposure import exposed, exposed_devices
from ota_server.errors import InvalidError, NotFoundError


class Listed:
    """A catalog of releases: by product, each version and where its list says the weakness is mended."""

    def __init__(self, **products):
        self._products = products

    def products(self):
        return tuple(self._products)

    def releases(self, product):
        return tuple(
            Listing(Version.parse(version), (advisory(fixed),) if fixed else ())
            for version, fixed in self._products[product].items()
        )


class Listing:
    def __init__(self, version, advisories):
        self.version = version
        self.advisories = (advisory("0.1.0", "CVE-2020-9"), *advisories)


def advisory(fixed_in, advisory_id="CVE-2026-1"):
    fixed = Version.parse(fixed_in)
    return Advisory(advisory_id, Severity.HIGH, f"Overflow ({fixed_in})", "Update", fixed)


LINE = Listed(camera={"1.0.0": None, "1.1.0": None, "1.2.0": "1.2.0", "1.3.0": "1.2.0"})


@pytest.fixture
def connection():
    with one_transaction() as connection:
        yield connection


def fill(connection, versions, **values):
    for number, version in enumerate(versions):
        add_device(connection, f"cam-{number}", running_version=version, **values)


def by_version(exposure):
    return {one.version and str(one.version): one.devices for one in exposure.versions}


def test_devices_below_the_fix_are_counted_by_version(connection):
    fill(connection, ["1.0.0", "1.1.0", "1.0.0", "1.2.0", "1.3.0"])
    add_device(connection, "lock-1", product="lock", running_version="1.0.0")
    exposure = exposed(connection, LINE, "CVE-2026-1")
    assert exposure.to_fields() == {
        "advisory": "CVE-2026-1",
        "severity": "high",
        "summary": "Overflow (1.2.0)",
        "fixed_in": {"camera": ["1.2.0"]},
        "versions": [
            {"product": "camera", "version": "1.0.0", "devices": 2},
            {"product": "camera", "version": "1.1.0", "devices": 1},
        ],
        "devices": 3,
        "of": 5,
    }


def test_a_device_that_never_came_is_counted_too(connection):
    fill(connection, [None, "1.2.0"])
    assert by_version(exposed(connection, LINE, "CVE-2026-1")) == {None: 1}
    page = exposed_devices(connection, LINE, "CVE-2026-1")
    assert [device.device_id for device in page.items] == ["cam-0"]


@pytest.mark.parametrize(
    ("running", "has_fix"),
    [
        ("1.1.0", False),
        ("1.2.0", True),
        # never published: from the factory, or retired
        ("0.9.0", False),
        ("1.1.9", False),
        ("1.2.0-rc.1", False),
        ("1.2.5", True),
        ("1.9.0", True),
    ],
)
def test_a_version_without_a_release_is_judged_by_its_neighbours(connection, running, has_fix):
    fill(connection, [running])
    assert exposed(connection, LINE, "CVE-2026-1").devices == (0 if has_fix else 1)


TWO_LINES = Listed(
    camera={"1.4.0": None, "1.4.3": "1.4.3", "2.0.0": None, "2.0.1": "2.0.1", "2.1.0": "2.0.1"}
)


@pytest.mark.parametrize(
    ("running", "has_fix"),
    [
        ("1.4.0", False),
        ("1.4.3", True),
        # above an older line's fix, and yet without it
        ("2.0.0", False),
        ("2.0.1", True),
        ("2.0.5", True),
        # in doubt it is exposed
        ("1.4.9", False),
    ],
)
def test_each_line_of_releases_speaks_for_itself(connection, running, has_fix):
    fill(connection, [running])
    assert exposed(connection, TWO_LINES, "CVE-2026-1").devices == (0 if has_fix else 1)
    assert exposed(connection, TWO_LINES, "CVE-2026-1").fixed_in["camera"] == (
        Version(1, 4, 3),
        Version(2, 0, 1),
    )


def test_above_the_newest_fix_the_release_below_decides(connection):
    catalog = Listed(camera={"1.4.3": "1.4.3", "2.0.0": None})
    fill(connection, ["1.5.0", "2.1.0"])
    assert by_version(exposed(connection, catalog, "CVE-2026-1")) == {"2.1.0": 1}


def test_the_devices_come_by_page(connection):
    fill(connection, ["1.0.0", "1.2.0", "1.1.0", "1.0.0"])
    page = exposed_devices(connection, LINE, "CVE-2026-1", limit=2)
    assert [device.device_id for device in page.items] == ["cam-0", "cam-2"]
    assert (page.total, page.next_after) == (3, "cam-2")
    page = exposed_devices(connection, LINE, "CVE-2026-1", limit=2, after=page.next_after)
    assert [device.device_id for device in page.items] == ["cam-3"]
    with pytest.raises(InvalidError):
        exposed_devices(connection, LINE, "CVE-2026-1", limit=0)


def test_nobody_exposed_is_an_empty_page(connection):
    fill(connection, ["1.2.0"])
    page = exposed_devices(connection, LINE, "CVE-2026-1")
    assert (page.items, page.total) == ((), 0)


def test_an_advisory_that_no_release_lists_is_not_found(connection):
    with pytest.raises(NotFoundError, match="CVE-2026-7"):
        exposed(connection, LINE, "CVE-2026-7")
