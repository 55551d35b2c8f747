import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import sync_playwright
from running_dashboard import key_pin, running_dashboard
from support.showroom import put_demo_fleet
from watched_page import CHROMIUM, launch, person

from ota_server.cli import main


def pytest_collection_modifyitems(items):
    """All of this folder is slow, and needs a browser."""
    missing = pytest.mark.skipif(
        not CHROMIUM.exists(), reason="needs Chromium: apt-get install chromium fonts-dejavu-core"
    )
    for item in items:
        if "/tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.system)
            item.add_marker(missing)


@dataclass(frozen=True)
class Furnished:
    """A server's folder.

    Attributes:
        code: of the first operator's link.
        rollouts: their numbers by name.
    """

    folder: Path
    code: str
    rollouts: dict[str, int]


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """A server's folder with the demo's fleet, and the first operator's link: to be copied."""
    folder = tmp_path_factory.mktemp("furnished") / "server"
    result = CliRunner().invoke(main, ["init", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    link = json.loads(result.stdout)["operator"]["url"]
    # a minute ago: what it tells of today is in the past for the server
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    fleet = put_demo_fleet(folder, now)
    return Furnished(folder, link.partition("?code=")[2], fleet.rollouts)


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright, furnished):
    chromium = launch(playwright, key_pin(furnished.folder / "server.pem"))
    yield chromium
    chromium.close()


@pytest.fixture
def environment():
    """The server's settings beside its file; some tests have others."""
    return {}


@pytest.fixture
def dashboard(furnished, tmp_path, environment):
    """A server of the test's own."""
    shutil.copytree(furnished.folder, tmp_path / "server")
    with running_dashboard(tmp_path / "server", environment) as running:
        yield running


@pytest.fixture(scope="session")
def shown(furnished, tmp_path_factory):
    """A server for those who only look."""
    folder = tmp_path_factory.mktemp("shown") / "server"
    shutil.copytree(furnished.folder, folder)
    with running_dashboard(folder, {}) as running:
        yield running


@pytest.fixture
def first_code(furnished):
    return furnished.code


@pytest.fixture
def visit(browser, dashboard):
    """Opens a browser for a person: by name and grants, signed in; without, a stranger."""
    with ExitStack() as people:

        def come(name="", *grants, **options):
            token = dashboard.session_of(name, *grants) if name else ""
            return people.enter_context(person(browser, dashboard.url, token=token, **options))

        yield come
