"""Roles and products: what is not somebody's is not there, whatever they ask for."""

import pytest
from playwright.sync_api import expect
from story import GROUP, PRODUCT, TAKES_IT, make_group, roll_out

FOREIGN = "meter"
CHANGES = (
    "/rollouts/{rollout}/pause",
    "/rollouts/{rollout}/abort",
    "/rollouts/{rollout}/retry",
    "/devices/{device}/tags",
    "/devices/{device}/revoke",
    "/devices/{device}/decommission",
)

# as a form of the page would
SEND = """async ([path, form]) => {
  const body = new URLSearchParams(form);
  return (await fetch(path, {method: "POST", body, redirect: "manual"})).status;
}"""


@pytest.fixture
def rollout_id(dashboard):
    make_group(dashboard)
    return roll_out(dashboard)


def test_a_viewer_sees_all_and_no_button_that_changes_something(visit, rollout_id):
    person = visit("vic", f"viewer:{PRODUCT}")
    page = person.open(f"/rollouts/{rollout_id}")
    expect(page.get_by_role("heading", name="Waves")).to_be_visible()
    assert changes_on(page) == []
    page.goto(f"/devices/{TAKES_IT[0]}")
    expect(page.get_by_role("heading", name="Identity")).to_be_visible()
    assert changes_on(page) == []
    page.goto("/rollouts")
    expect(page.get_by_role("link", name="New rollout")).to_have_count(0)
    expect(page.get_by_role("link", name="Operators")).to_have_count(0)


REFUSALS = {f"viewer:{PRODUCT}": 403, f"admin:{FOREIGN}": 404}


@pytest.mark.parametrize("grant", REFUSALS)
def test_whoever_may_not_is_refused_whatever_form_they_send(visit, rollout_id, grant):
    person = visit("vic", grant)
    person.troubles.allow_refusals()
    page = person.open("/account")
    csrf = page.locator("input[name=csrf]").first.input_value()
    for path in CHANGES:
        address = path.format(rollout=rollout_id, device=TAKES_IT[0])
        form = {"csrf": csrf, "typed": TAKES_IT[0], "tags": "x"}
        assert page.evaluate(SEND, [address, form]) == REFUSALS[grant], address
    owner = visit("ada", f"viewer:{PRODUCT}").open(f"/rollouts/{rollout_id}")
    expect(owner.locator("main .head .badge").first).to_have_text("running")


def test_another_products_operator_sees_nothing_of_it(visit, rollout_id):
    person = visit("fay", f"operator:{FOREIGN}")
    page = person.open("/")
    for path in ("/", "/devices", "/releases", "/rollouts", "/advisories", "/audit", "/notifications"):
        page.goto(path)
        expect(page.locator("main")).to_be_visible()
        words = page.locator("body").inner_text()
        assert PRODUCT not in words, path
        assert TAKES_IT[0] not in words, path
    page.goto("/rollouts/new")
    assert page.get_by_role("combobox", name="Product").locator("option").all_inner_texts()[1:] == [
        FOREIGN
    ]

    person.troubles.allow_refusals()
    for path in (
        f"/rollouts/{rollout_id}",
        f"/devices/{TAKES_IT[0]}",
        f"/releases/{PRODUCT}/1.5.0",
        "/operators",
    ):
        page.goto(path)
        heading = page.get_by_role("heading", level=1).inner_text()
        assert heading in {"Not Found", "Forbidden"}, path
    page.goto(f"/rollouts/new?product={PRODUCT}&version=1.5.0&group={GROUP}&name=x")
    choices = page.locator("#group option, #version option").all_inner_texts()
    assert [choice for choice in choices if not choice.startswith("choose")] == []


def changes_on(page):
    """The forms of the page itself that would change something."""
    return [form.get_attribute("action") for form in page.locator("main form[method=post]").all()]
