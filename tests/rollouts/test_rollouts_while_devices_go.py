"""A rollout that is made while devices are removed and groups deleted, on a real PostgreSQL.

SQLite has one writer at a time; here each step of one transaction falls between two of another.
"""

import threading

import pytest
from sqlalchemy import select, text
from support import fleet
from support.postgresql import needs_postgresql, postgresql
from support.rollout_story import RolloutStory

from ota_server.database import database as module
from ota_server.database.database import Database
from ota_server.database.schema import groups, rollout_devices, rollouts
from ota_server.devices import groups as grouping
from ota_server.devices import removal
from ota_server.errors import ConflictError, DatabaseUnavailableError, NotFoundError
from ota_server.rollouts import rollout

pytestmark = [pytest.mark.system, needs_postgresql]
_BLOCKED = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture(scope="module")
def cluster():
    with postgresql() as one:
        yield one


@pytest.fixture
def story(cluster):
    database = fleet.with_tables(Database(cluster.database()))
    yield RolloutStory(database, devices=6)
    database.close()


class Meanwhile(threading.Thread):
    """One transaction in a thread of its own; ``end`` raises what it raised."""

    def __init__(self, database, act, *arguments, **values):
        super().__init__()
        self._database, self._act, self._error = database, act, None
        self._arguments, self._values = arguments, values
        self.start()

    def run(self):
        try:
            with self._database.begin() as connection:
                self._act(connection, *self._arguments, **self._values)
        except Exception as e:  # noqa: BLE001 - told by `end`, in the thread of the test
            self._error = e

    def wait_until_it_waits(self):
        with self._database.engine.connect() as connection:
            while self.is_alive() and not connection.execute(_BLOCKED).scalar_one():
                connection.rollback()

    def end(self):
        self.join(60)
        if self._error is not None:
            raise self._error


def creating(story):
    plan = fleet.make_plan()
    return Meanwhile(story.database, rollout.create, plan, catalog=story.releases, now=story.now)


@pytest.mark.parametrize("remove", [removal.decommission, removal.revoke])
def test_a_device_that_goes_at_this_moment_is_no_member(story, remove):
    with story.database.begin() as connection:
        remove(connection, "cam-3", now=story.now)
        made = creating(story)
        made.wait_until_it_waits()
    made.end()
    assert sorted(story.states()) == [f"cam-{number}" for number in (0, 1, 2, 4, 5)]
    assert story.show().waves[0].members == 5
    with story.database.read() as connection:
        assert fleet.miscounted(connection) == []


def test_a_group_is_not_deleted_under_a_rollout_that_is_being_made(story):
    with story.database.begin() as connection:
        rollout.create(connection, fleet.make_plan(), catalog=story.releases, now=story.now)
        deleting = Meanwhile(story.database, grouping.remove, product=fleet.PRODUCT, name="all")
        deleting.wait_until_it_waits()
    with pytest.raises(ConflictError, match="rollouts"):
        deleting.end()
    assert story.show().group == "all"


def test_a_rollout_is_not_made_for_a_group_that_is_being_deleted(story):
    with story.database.begin() as connection:
        grouping.remove(connection, product=fleet.PRODUCT, name="all")
        made = creating(story)
        made.wait_until_it_waits()
    with pytest.raises(NotFoundError, match="group"):
        made.end()
    with story.database.read() as connection:
        for table in (groups, rollouts, rollout_devices):
            assert connection.execute(select(table)).all() == []


def test_who_waits_for_a_lock_waits_for_so_long_and_no_longer(story, monkeypatch):
    monkeypatch.setattr(module, "_BUSY_MS", 50)
    impatient = Database(story.database.url.set(drivername="postgresql").render_as_string())
    with story.database.begin() as connection:
        removal.revoke(connection, "cam-1", now=story.now)
        waiting = Meanwhile(impatient, removal.revoke, "cam-1", now=story.now)
        with pytest.raises(DatabaseUnavailableError, match="lock timeout"):
            waiting.end()
    impatient.close()
