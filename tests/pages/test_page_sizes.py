"""Each page is small: under 100 kB over the wire at first, under 20 kB with style and scripts kept."""

import hashlib
import re

import pytest
from support.browser import Browser

from ota_server.web.pages.dashboard import Dashboard
from ota_server.web.pages.static_files import FOLDER, static_files

FIRST_BYTES = 100_000
LATER_BYTES = 20_000


@pytest.mark.system  # `make bench` measures them too
def test_each_page_is_small(signed_in, pages_of_an_admin):
    browser = signed_in("mia")
    assets = sum(browser.get(file.path).wire_bytes for file in static_files().values())

    sizes = {path: shown.wire_bytes for path, shown in pages_of_an_admin.items()}

    assert max(sizes.values()) < LATER_BYTES, sizes
    assert assets + max(sizes.values()) < FIRST_BYTES


def test_style_and_scripts_are_kept_for_good_and_named_by_their_content(house):
    browser = Browser(Dashboard(house))
    for file in static_files().values():
        shown = browser.get(file.path)

        assert shown.status == 200
        assert "immutable" in shown.headers["cache-control"]
        assert hashlib.sha256(shown.body).hexdigest()[:12] in file.path
        assert browser.get(file.path, accept_encoding="identity").body == shown.body


def test_pages_name_no_file_that_is_not_there(signed_in):
    browser = signed_in("mia")

    for path in browser.get("/").links() + re.findall(r'src="([^"]+)"', browser.get("/").text):
        if path.startswith("/static/"):
            assert browser.get(path).status == 200


def test_what_others_made_is_what_its_record_says():
    record = (FOLDER / "VENDORED.md").read_text()
    rows = re.findall(r"\| `([^`]+)` \|.*`([0-9a-f]{64})`", record)

    assert [name for name, _ in rows] == ["htmx.min.js"]
    for name, sha256 in rows:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == sha256
    assert (FOLDER / "htmx.LICENSE.txt").read_text().startswith("Zero-Clause BSD")
