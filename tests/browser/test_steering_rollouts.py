"""A rollout is previewed, made, watched while it halts, stopped, approved and resumed."""

import re

import pytest
from device_lives import take_and_report
from playwright.sync_api import expect
from story import GROUP, PRODUCT, RELEASE, make_group, need_approval, roll_out

from ota_client.protocol import ReportState

OPERATOR, APPROVER = f"operator:{PRODUCT}", f"approver:{PRODUCT}"


@pytest.fixture
def group(dashboard):
    """A group with devices that can take the release, and some that cannot."""
    make_group(dashboard)


@pytest.fixture
def rollout_id(dashboard, group):
    return roll_out(dashboard)


def test_a_rollout_is_previewed_and_then_made(visit, group):
    page = visit("ada", OPERATOR).open("/")
    page.get_by_role("navigation", name="main").get_by_role("link", name="Rollouts").click()
    page.get_by_role("link", name="New rollout").click()
    fill_in_plan(page)
    page.get_by_role("button", name="Preview").click()

    preview = page.locator("#preview")
    expect(preview.get_by_role("heading", name="Who is in")).to_be_visible()
    expect(preview.get_by_role("row", name=re.compile("Wave 1 2 2"))).to_be_visible()
    expect(preview.get_by_role("heading", name="Who is not, and why")).to_be_visible()
    expect(preview.get_by_text("1 ").first).to_be_visible()
    page.get_by_role("button", name="Make the rollout").click()

    expect(page.get_by_role("status")).to_have_text("The rollout was made.")
    expect(page.get_by_role("heading", name="spring")).to_be_visible()
    expect(state_of(page)).to_have_text("running")


def test_a_plan_that_cannot_be_is_refused_in_words_and_what_was_typed_stays(visit, group):
    person = visit("ada", OPERATOR)
    person.troubles.allow_refusals()
    page = person.open(f"/rollouts/new?product={PRODUCT}")
    fill_in_plan(page, waves="lots")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("main .note")).to_contain_text("got 'lots'")
    expect(page.get_by_label("Name")).to_have_value("spring")
    expect(page.get_by_role("button", name="Make the rollout")).to_have_count(0)


def test_a_rollout_that_halts_is_seen_to_halt_without_a_reload(visit, dashboard, rollout_id):
    page = visit("ada", OPERATOR).open(f"/rollouts/{rollout_id}")
    expect(state_of(page)).to_have_text("running")
    page.evaluate("window.was_here = true")
    take_and_report(dashboard, rollout_id, ReportState.CONFIRMED)
    expect(page.get_by_text("1 run it")).to_be_visible()
    take_and_report(dashboard, rollout_id, ReportState.FELL_BACK, code="not-marked-good")

    expect(state_of(page)).to_have_text("halted")
    expect(page.get_by_role("heading", name="1 fell back")).to_be_visible()
    expect(page.get_by_text("not-marked-good").first).to_be_visible()
    assert page.evaluate("window.was_here")


def test_resuming_says_what_it_will_do_and_then_does_it(visit, dashboard, rollout_id):
    take_and_report(dashboard, rollout_id, ReportState.FELL_BACK, code="not-marked-good")
    page = visit("ada", OPERATOR).open(f"/rollouts/{rollout_id}")
    expect(state_of(page)).to_have_text("halted")
    button = page.get_by_role("button", name="Resume")
    expect(button).to_have_accessible_description(
        re.compile(r"are offered it.*What failed so far no longer counts")
    )
    button.click()
    expect(state_of(page)).to_have_text("running")
    expect(page.get_by_role("status")).to_contain_text("Resumed")


def test_the_stop_button_works_without_javascript(visit, dashboard, rollout_id):
    page = visit("ada", OPERATOR, java_script_enabled=False).open("/")
    page.get_by_role("link", name="spring").click()
    page.get_by_role("button", name="Stop").click()
    expect(state_of(page)).to_have_text("paused")


def test_an_abort_is_asked_for_twice(visit, rollout_id):
    page = visit("ada", OPERATOR).open(f"/rollouts/{rollout_id}")
    page.get_by_role("link", name="Abort").click()
    expect(page.get_by_text("For good.")).to_be_visible()
    page.get_by_role("link", name="Leave it").click()
    expect(state_of(page)).to_have_text("running")
    page.get_by_role("link", name="Abort").click()
    page.get_by_label("Reason").fill("the wrong release")
    page.get_by_role("button", name="Abort the rollout").click()
    expect(state_of(page)).to_have_text("aborted")


def test_a_second_person_approves_and_the_first_cannot(visit, dashboard, group):
    need_approval(dashboard)
    first = visit("ada", APPROVER).open(f"/rollouts/new?product={PRODUCT}")
    fill_in_plan(first)
    first.get_by_role("button", name="Preview").click()
    expect(first.get_by_text("Nothing is offered before a second person approves.")).to_be_visible()
    first.get_by_role("button", name="Propose the rollout").click()
    expect(state_of(first)).to_have_text("awaits approval")
    expect(first.get_by_text("You cannot decide this one")).to_be_visible()
    expect(first.get_by_role("button", name="Approve")).to_have_count(0)

    second = visit("bea", APPROVER).open("/")
    second.get_by_role("link", name="spring").click()
    expect(second.get_by_text("Proposed by")).to_contain_text("ada")
    second.get_by_label("Comment").fill("read the notes")
    second.get_by_role("button", name="Approve").click()
    expect(state_of(second)).to_have_text("running")
    expect(second.get_by_text("Approved by")).to_contain_text("read the notes")
    # the first one still looks at the page
    expect(state_of(first)).to_have_text("running")


def fill_in_plan(page, waves="2, rest"):
    if page.get_by_label("Release").count() == 0:
        page.get_by_role("combobox", name="Product").select_option(PRODUCT)
    page.get_by_label("Release").select_option(RELEASE)
    page.get_by_label("Group").select_option(GROUP)
    page.get_by_label("Name").fill("spring")
    page.get_by_role("textbox", name="Waves").fill(waves)


def state_of(page):
    return page.locator("main .head .badge").first
