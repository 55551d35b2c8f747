"""Every page: with a screen reader, a keyboard, a phone, in the dark, and without JavaScript."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from every_page import PATHS, needs_an_account, pages_with_something_in_them
from playwright.sync_api import expect
from watched_page import PHONE, person

GRAVE = {"serious", "critical"}
# how far a page may be wider than its window: none, but for rounding
_ROUNDING_PX = 1


@pytest.fixture(scope="session")
def addresses(furnished, shown):
    code = shown.invitation_of("kai")
    return pages_with_something_in_them(furnished.rollouts, code)


@pytest.fixture(scope="session")
def admin(shown):
    return shown.session_of("mia")


@pytest.fixture
def opened(browser, shown, admin, addresses):
    """Opens a page as an admin sees it, or as a stranger where it is for everybody."""

    def look(path, **options):
        token = admin if needs_an_account(path) else ""
        return person(browser, shown.url, token=token, **options), addresses[path]

    return look


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_serious(opened, path):
    for colours in ("light", "dark"):
        someone, address = opened(path, color_scheme=colours)
        with someone as visitor:
            found = Axe().run(visitor.open(address)).response["violations"]
        grave = [_told(one) for one in found if one["impact"] in GRAVE]
        assert grave == [], colours


@pytest.mark.parametrize("path", PATHS)
def test_a_phone_shows_it_without_scrolling_sideways(opened, path):
    someone, address = opened(path, viewport=PHONE, is_mobile=True, has_touch=True)
    with someone as visitor:
        page = visitor.open(address)
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= _ROUNDING_PX, page.evaluate(_WIDER_THAN_THE_WINDOW)


@pytest.mark.parametrize("path", PATHS)
def test_it_reads_without_javascript(opened, path):
    someone, address = opened(path)
    with someone as visitor:
        page = visitor.open(address)
        expected = _read(page)
    someone, address = opened(path, java_script_enabled=False)
    with someone as visitor:
        page = visitor.open(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert _read(page) == expected


@pytest.mark.parametrize("path", PATHS)
def test_everything_is_reached_by_tab_with_a_focus_that_is_seen(opened, path):
    someone, address = opened(path)
    with someone as visitor:
        page = visitor.open(address)
        wanted = page.evaluate(_REACHABLE)
        reached, unseen = set(), []
        for _ in range(wanted + 10):
            page.keyboard.press("Tab")
            number, has_outline = page.evaluate(_FOCUSED)
            reached.add(number)
            if number is not None and not has_outline:
                unseen.append(number)
            if len(reached - {None}) == wanted:
                break
        missed = page.evaluate(_WORDS_OF, [n for n in range(wanted) if n not in reached])
        assert missed == []
        assert page.evaluate(_WORDS_OF, unseen) == []


def test_the_first_tab_leads_past_the_navigation(opened):
    someone, address = opened("/devices")
    with someone as visitor:
        page = visitor.open(address)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="To the content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_a_person_may_choose_the_colours(opened):
    someone, address = opened("/devices", color_scheme="light")
    with someone as visitor:
        page = visitor.open(address)
        before = page.evaluate(_GROUND)
        page.get_by_role("button", name="Colours").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.evaluate(_GROUND) != before
        assert page.url.endswith(address)


def _told(violation):
    where = [node["target"] for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']} {where}"


def _read(page):
    """The words of the page that stand in headings and tables."""
    return page.locator("main").locator("h1, h2, th[scope=row]").all_text_contents()


_GROUND = "getComputedStyle(document.body).backgroundColor"
_BEYOND_THE_WINDOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_WIDER_THAN_THE_WINDOW = """[...document.querySelectorAll("body *")]
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))"""
# numbers what can be focused and is not hidden, and says how much that is
_REACHABLE = """(() => {
  const all = [...document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((e) =>
      e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0 && !e.disabled
      && e.type !== "hidden" && !(e.type === "radio" && !e.checked));
  window.wanted = all;
  return all.length;
})()"""
_FOCUSED = """(() => {
  const number = window.wanted.indexOf(document.activeElement);
  const style = getComputedStyle(document.activeElement);
  const has_outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return [number < 0 ? null : number, has_outline];
})()"""
_WORDS_OF = "(numbers) => numbers.map((n) => window.wanted[n].outerHTML.slice(0, 160))"
