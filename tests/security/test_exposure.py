import pytest
from sqlalchemy import event
from support.exposed_fleet import Listed

from ota_client.errors import ExpiredError
from ota_client.formats.version import Version
from ota_server.errors import InvalidError, NotFoundError
from ota_server.security.exposure import exposed_devices

LINE = Listed(camera={"1.0.0": None, "1.1.0": None, "1.2.0": "1.2.0", "1.3.0": "1.2.0"})


def by_version(exposure):
    return {one.version and str(one.version): one.devices for one in exposure.versions}


def devices_page(fleet, catalog, advisory_id="CVE-2026-1", *, products=None, **page):
    with fleet.database.read() as connection:
        return exposed_devices(connection, catalog, advisory_id, products=products, **page)


def test_devices_below_the_fix_are_counted_by_version(fleet):
    fleet.run("1.0.0", "1.1.0", "1.0.0", "1.2.0", "1.3.0")
    fleet.run("1.0.0", product="lock")
    of_camera = {"product": "camera", "why": "not_fixed", "components": []}
    assert fleet.exposed(LINE).to_fields() == {
        "advisory": "CVE-2026-1",
        "severity": "high",
        "summary": "Overflow (1.2.0)",
        "action": "Update",
        "sources": ["signed"],
        "fixed_in": {"camera": ["1.2.0"]},
        "versions": [
            {"version": "1.0.0", "devices": 2, **of_camera},
            {"version": "1.1.0", "devices": 1, **of_camera},
        ],
        "devices": 3,
        "unknown": 0,
        "of": 5,
    }


def test_a_device_that_never_came_is_counted_too(fleet):
    fleet.run(None, "1.2.0")
    assert by_version(fleet.exposed(LINE)) == {None: 1}
    assert [device.device_id for device in devices_page(fleet, LINE).items] == ["cam-0"]


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
def test_a_version_without_a_release_is_judged_by_its_neighbours(fleet, running, has_fix):
    fleet.run(running)
    assert fleet.exposed(LINE).devices == (0 if has_fix else 1)


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
def test_each_line_of_releases_speaks_for_itself(fleet, running, has_fix):
    fleet.run(running)
    assert fleet.exposed(TWO_LINES).devices == (0 if has_fix else 1)
    assert fleet.exposed(TWO_LINES).fixed_in["camera"] == (Version(1, 4, 3), Version(2, 0, 1))


def test_above_the_newest_fix_the_release_below_decides(fleet):
    fleet.run("1.5.0", "2.1.0")
    catalog = Listed(camera={"1.4.3": "1.4.3", "2.0.0": None})
    assert by_version(fleet.exposed(catalog)) == {"2.1.0": 1}


def test_the_devices_come_by_page(fleet):
    fleet.run("1.0.0", "1.2.0", "1.1.0", "1.0.0")
    page = devices_page(fleet, LINE, limit=2)
    assert [device.device_id for device in page.items] == ["cam-0", "cam-2"]
    assert (page.total, page.next_after) == (3, "cam-2")
    page = devices_page(fleet, LINE, limit=2, after=page.next_after)
    assert [device.device_id for device in page.items] == ["cam-3"]
    with pytest.raises(InvalidError):
        devices_page(fleet, LINE, limit=0)


def test_the_devices_of_each_version_are_read_in_their_order_from_an_index(fleet):
    """Most of a large fleet may be exposed: whoever looks at a page of it must not sort all of them."""
    asked = []
    fleet.run("1.0.0", None)
    event.listen(fleet.database.engine, "before_cursor_execute", note := lambda *a: asked.append(a[2:4]))
    devices_page(fleet, LINE)
    event.remove(fleet.database.engine, "before_cursor_execute", note)
    ids = [one for one in asked if one[0].startswith("SELECT devices.device_id \nFROM devices")]
    assert len(ids) == 2
    with fleet.database.read() as connection:
        for statement, given in ids:
            (step,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            assert "COVERING INDEX ix_devices_running_version_product_device_id" in step.detail


def test_nobody_exposed_is_an_empty_page(fleet):
    fleet.run("1.2.0")
    page = devices_page(fleet, LINE)
    assert (page.items, page.total) == ((), 0)


def test_an_advisory_that_no_release_lists_is_not_found(fleet):
    with pytest.raises(NotFoundError, match="CVE-2026-7"):
        fleet.exposed(LINE, "CVE-2026-7")


BOTH = Listed(camera={"1.0.0": None, "1.1.0": "1.1.0"}, lock={"1.0.0": None, "1.1.0": "1.1.0"})


def test_another_product_s_devices_are_not_counted(fleet):
    fleet.run("1.0.0", "1.0.0")
    fleet.run("1.0.0", product="lock")
    exposure = fleet.exposed(BOTH, products=frozenset({"lock"}))
    assert ([v.product for v in exposure.versions], exposure.devices) == (["lock"], 1)
    assert list(exposure.fixed_in) == ["lock"]
    page = devices_page(fleet, BOTH, products=frozenset({"lock"}))
    assert [device.device_id for device in page.items] == ["loc-0"]
    with pytest.raises(NotFoundError):
        fleet.exposed(BOTH, products=frozenset({"door"}))
    with pytest.raises(NotFoundError):
        fleet.exposed(BOTH, products=frozenset())


def test_a_product_that_nobody_renews_does_not_hide_the_others(fleet):
    fleet.run("1.0.0")
    fleet.run("1.0.0", product="lock")
    catalog = Listed(camera={"1.0.0": None, "1.1.0": "1.1.0"}, lock={})
    catalog.refused["lock"] = ExpiredError("expired")
    assert fleet.exposed(catalog).devices == 1
    with pytest.raises(ExpiredError):
        fleet.exposed(catalog, "CVE-2026-7")
