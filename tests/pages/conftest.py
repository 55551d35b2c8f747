import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from page_paths import LOOKED_AT
from support.browser import Browser
from support.demo_fleet import DemoFleet
from support.demo_house import browser_of, make_house
from support.fleet import open_database

from ota_server.database.database import Database
from ota_server.web.pages.dashboard import Dashboard

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory):
    """Some weeks of history, to look at."""
    return DemoFleet(open_database(tmp_path_factory.mktemp("demo")), NOW, size=60).make()


@pytest.fixture(scope="session")
def house(fleet):
    return make_house(fleet)


@pytest.fixture
def own_house(fleet, tmp_path):
    """The same with a database of the test's own, to change."""
    file = tmp_path / "fleet.db"
    with (
        closing(sqlite3.connect(fleet.database.url.database)) as whole,
        closing(sqlite3.connect(file)) as copy,
    ):
        whole.backup(copy)
    database = Database(f"sqlite:///{file}")
    yield make_house(fleet, database=database)
    database.close()


@pytest.fixture(scope="session")
def signed_in(house, fleet):
    """Browsers of people, who only look."""
    known = {}

    def browser(name):
        if name not in known:
            known[name] = browser_of(house, fleet, name)
        return known[name]

    return browser


@pytest.fixture(scope="session")
def pages_of_an_admin(signed_in):
    """Every page that is only looked at, asked for once."""
    return {path: signed_in("mia").get(path, follow=False) for path in LOOKED_AT}


@pytest.fixture
def visit(own_house, fleet):
    """Browsers of people, who may change something."""
    return lambda name: browser_of(own_house, fleet, name)


@pytest.fixture
def stranger(own_house):
    return Browser(Dashboard(own_house))
