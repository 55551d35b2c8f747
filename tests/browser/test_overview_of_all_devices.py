"""What the overview says of all devices, a server counts beforehand: it does so by itself."""

import pytest
from playwright.sync_api import expect

# but for one, which is revoked
ALL = "199"


@pytest.fixture
def environment():
    """A second without a word is long."""
    return {"OTA_SERVER_NOTIFICATIONS_SILENT_AFTER_S": "1"}


def test_the_overview_says_how_many_are_silent(visit):
    page = visit("vic", "viewer:*").open("/")
    silent = page.locator("a.tile", has_text="silent").locator(".value")
    for _ in range(60):
        if silent.inner_text() == ALL:
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(silent).to_have_text(ALL)
