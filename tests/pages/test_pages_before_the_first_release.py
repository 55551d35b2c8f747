"""A new server has people before it has releases: its pages say so, and fail in nothing."""

import pytest
from page_paths import LOOKED_AT

from ota_server.catalog import Catalog
from ota_server.files.folder import PublishedFolder

_OF_A_RELEASE = ("/releases/", "/advisories/ACME")


@pytest.fixture
def nothing_published(own_house, tmp_path):
    (tmp_path / "published").mkdir()
    object.__setattr__(own_house, "catalog", Catalog(PublishedFolder(tmp_path / "published")))


@pytest.mark.usefixtures("nothing_published")
def test_every_page_is_shown_while_nothing_is_published(visit):
    browser = visit("mia")
    paths = [path for path in LOOKED_AT if not path.startswith(_OF_A_RELEASE)]
    assert {path: browser.get(path).status for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.usefixtures("nothing_published")
def test_the_releases_page_says_how_there_will_be_some(visit):
    shown = visit("mia").get("/releases")
    assert "ota-sign publish" in shown.text
