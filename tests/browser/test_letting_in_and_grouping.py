"""From an enrolment token to a group and a rollout, by pages alone."""

import pytest
from playwright.sync_api import expect
from story import GROUP, PRODUCT, RELEASE, make_group


def test_a_group_is_made_on_a_page_and_a_rollout_from_it(visit, dashboard):
    make_group(dashboard)
    person = visit("ada", f"operator:{PRODUCT}")
    person.troubles.allow_refusals()
    page = person.open("/devices")
    page.get_by_role("link", name="Groups").click()
    page.get_by_role("link", name="New group").click()
    page.get_by_label("Name").fill("newer-yard")
    query = page.get_by_label("Query", exact=True)
    query.fill("device_id ~ yard-* and hardware_id is gw-rev2")
    page.get_by_role("button", name="Preview").click()
    expect(query).to_have_accessible_description(
        "group query, column 36: expected behind hardware_id one of = != in ~, got 'is'"
    )
    expect(page.get_by_label("Name")).to_have_value("newer-yard")

    query.fill("device_id ~ yard-* and hardware_id = gw-rev2")
    page.get_by_role("button", name="Preview").click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text(f"8 devices of {PRODUCT}")
    expect(preview.get_by_role("link", name="yard-0")).to_be_visible()
    page.get_by_role("button", name="Make the group").click()
    expect(page.get_by_role("status")).to_contain_text("The group was made")

    page.get_by_role("link", name="New rollout").click()
    expect(page.get_by_label("Group")).to_have_value("newer-yard")
    page.get_by_label("Release").select_option(RELEASE)
    page.get_by_label("Name").fill("spring")
    page.get_by_role("textbox", name="Waves").fill("2, rest")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Everybody in the group is in.")).to_be_visible()
    page.get_by_role("button", name="Make the rollout").click()
    expect(page.get_by_role("status")).to_have_text("The rollout was made.")
    page.get_by_role("link", name="newer-yard").click()
    expect(page.get_by_role("link", name="spring")).to_be_visible()


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_another_query_is_looked_at_before_it_is_set(visit, dashboard, java_script_enabled):
    make_group(dashboard)
    person = visit("ada", f"operator:{PRODUCT}", java_script_enabled=java_script_enabled)
    page = person.open(f"/groups/{PRODUCT}/{GROUP}")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Query", exact=True).fill("device_id in (yard-0, yard-1)")
    page.get_by_role("button", name="Preview").click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("2 devices would be in")
    expect(preview.get_by_role("definition").nth(1)).to_contain_text("7")
    page.get_by_role("button", name="Change the query").click()
    expect(page.get_by_role("status")).to_contain_text("new query")
    expect(page.get_by_role("row")).to_have_count(3)


def test_an_enrolment_token_is_shown_once_and_withdrawn(visit):
    page = visit("ada", f"operator:{PRODUCT}").open("/enrolment")
    page.get_by_label("Devices").fill("yard-1*")
    page.get_by_label("Uses").fill("20")
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("#secret").inner_text()
    assert len(secret) > 40
    page.get_by_role("link", name="I have kept it").click()
    row = page.get_by_role("row").filter(has_text="yard-1*")
    expect(row).to_contain_text("20")
    assert secret not in page.content()
    row.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_contain_text("The token is void")
    expect(row).to_have_count(0)
