"""The first operator, and everybody after."""

from playwright.sync_api import expect

PASSWORD = "a few words that nobody guesses"


def test_the_first_operator_comes_in_by_the_link_once(visit, first_code):
    guest = visit()
    # what the overview fetches while the person signs out may be refused
    guest.troubles.allow_refusals()
    page = guest.open(f"/welcome?code={first_code}")
    expect(page.get_by_role("heading", name="Welcome, admin")).to_be_visible()
    # whoever opens a link without using it up has not used it up
    page.reload()
    choose(page, PASSWORD, PASSWORD)
    expect(page.get_by_text("Signed in as")).to_contain_text("admin")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/devices")
    sign_in(page, "admin", PASSWORD)
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_visible()

    stranger = visit()
    stranger.troubles.allow_refusals()
    again = stranger.open(f"/welcome?code={first_code}")
    expect(again.get_by_text("expected a link that was not used")).to_be_visible()
    expect(again.get_by_label("Password")).to_have_count(0)


def test_a_password_that_is_not_one_is_refused_in_words_and_the_link_stays_good(visit, first_code):
    guest = visit()
    guest.troubles.allow_refusals()
    page = guest.open(f"/welcome?code={first_code}")
    choose(page, PASSWORD, PASSWORD + "!")
    expect(page.get_by_text("the same password twice")).to_be_visible()
    choose(page, "adminadminadmin", "adminadminadmin")
    expect(page.get_by_role("heading", name="Welcome, admin")).to_be_visible()
    choose(page, PASSWORD, PASSWORD)
    expect(page.get_by_text("Signed in as")).to_contain_text("admin")


def test_nobody_learns_why_a_sign_in_failed(visit, dashboard):
    dashboard.session_of("ada", "viewer:*")
    guest = visit()
    guest.troubles.allow_refusals()
    page = guest.open("/sign-in")
    sentences = []
    for name in ("ada", "nobody"):
        sign_in(page, name, "wrong words, all of them")
        sentences.append(page.locator("main .note").inner_text())
    assert len(set(sentences)) == 1


def choose(page, password, again):
    page.get_by_label("Password").fill(password)
    page.get_by_label("The same again").fill(again)
    page.get_by_role("button", name="Set the password").click()


def sign_in(page, name, password):
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
