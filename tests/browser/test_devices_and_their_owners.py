"""Devices: what they are exposed to, and how one is let go."""

from playwright.sync_api import expect
from story import PRODUCT


def test_a_device_is_decommissioned_after_its_id_was_typed(visit, dashboard):
    person = visit("ada", f"admin:{PRODUCT}")
    person.troubles.allow_refusals()
    page = person.open(f"/devices?product={PRODUCT}")
    device = page.get_by_role("row").nth(1).get_by_role("rowheader").get_by_role("link")
    name = device.inner_text()
    device.click()
    page.get_by_role("link", name="Decommission").click()
    expect(page.get_by_text("Everything that is stored of it is erased")).to_be_visible()
    page.get_by_label("Type").fill(f"not-{name}")
    page.get_by_role("button", name="Erase the device").click()
    expect(page.get_by_text("expected the device's id")).to_be_visible()

    page.get_by_label("Type").fill(name)
    page.get_by_label("Reason").fill("sold")
    page.get_by_role("button", name="Erase the device").click()
    expect(page.get_by_role("status")).to_contain_text("Decommissioned")
    page.goto(f"/devices/{name}")
    expect(page.get_by_text("Expected the id of a known device")).to_be_visible()
    page.goto("/audit")
    entry = page.get_by_role("row").filter(has_text="device.decommission").first
    expect(entry).to_contain_text("ada")
    expect(entry).to_contain_text(name)


def test_an_advisory_leads_to_the_devices_that_have_it(visit):
    page = visit("ada", "viewer:*").open("/")
    page.get_by_role("navigation", name="main").get_by_role("link", name="Advisories").click()
    row = page.get_by_role("row").nth(1)
    exposed = int(row.get_by_role("cell").last.inner_text().split()[0])
    assert exposed > 0, "the worst advisory stands first, and devices have it"
    advisory = row.get_by_role("rowheader").inner_text()
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=advisory)).to_be_visible()
    expect(page.get_by_text("devices exposed now").locator("..")).to_contain_text(str(exposed))
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()

    devices = page.locator("section", has=page.get_by_role("heading", name="Devices that have it"))
    devices.get_by_role("rowheader").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Exposure")).to_be_visible()
    expect(page.get_by_role("link", name=advisory)).to_be_visible()
