"""The tests' own eyes: what goes wrong in the browser does not go by."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from watched_page import person

SLIPPED_IN = {
    "a script that the policy stops": "<img src=x onerror=alert(1)>",
    "a style that the policy stops": "<p style='color: red'>red</p>",
    "a picture from elsewhere": "<img src='https://example.invalid/x.png'>",
}


@pytest.mark.parametrize("html", SLIPPED_IN.values(), ids=SLIPPED_IN)
def test_what_slips_into_a_page_is_heard_of(browser, shown, html):
    heard = _heard(browser, shown, _SLIP_IN, html)
    assert "Content Security Policy" in heard


def test_a_dialog_is_heard_of(browser, shown):
    assert "dialog: boo" in _heard(browser, shown, "text => alert(text)", "boo")


def test_axe_finds_what_nobody_can_read(browser, shown):
    with person(browser, shown.url) as visitor:
        page = visitor.open("/sign-in")
        page.evaluate(_PALE)
        found = {one["id"] for one in Axe().run(page).response["violations"]}
    assert {"color-contrast", "label"} <= found


def _heard(browser, shown, script, value):
    """What the end of a visit complains of, during which a script ran."""
    with pytest.raises(AssertionError) as caught:
        _visit(browser, shown, script, value)
    return str(caught.value)


def _visit(browser, shown, script, value):
    with person(browser, shown.url) as visitor:
        page = visitor.open("/sign-in")
        page.evaluate(script, value)
        # the console's words come by themselves, soon after
        for _ in range(100):
            if visitor.troubles.said:
                break
            page.wait_for_timeout(50)


_SLIP_IN = "html => document.body.insertAdjacentHTML('beforeend', html)"
_PALE = """(() => {
  document.querySelector("h1").style.color = "#eee";
  document.querySelector("label[for=name]").remove();
})()"""
