"""Every operation, on the other kind of database; and entries of several connections at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from support.every_operation import OPERATIONS, Ask, call
from support.fleet import with_tables
from support.office import ALPHA, Office, finish
from support.postgresql import needs_postgresql, postgresql
from support.telling import enrolled

from ota_server.database.database import Database
from ota_server.database.events_schema import events
from ota_server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from ota_server.journal.event import record
from ota_server.operations import audit, devices
from ota_server.operators.actor import Role

pytestmark = [pytest.mark.system, needs_postgresql]


@pytest.fixture(scope="module")
def office():
    with postgresql() as cluster:
        database = with_tables(Database(cluster.database()))
        yield Office(database)
        database.close()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_done(office, name):
    for actor in (None, office.person("alpha-mia", Role.ADMIN)):
        with office.trial(actor) as desk:
            try:
                call(desk, name, office, Ask(ALPHA))
            except (ConflictError, ForbiddenError, InvalidError, NotFoundError):
                continue
            finish(desk)


def test_entries_that_are_written_at_once_are_one_chain(office):
    def tag(number):
        with office.desk() as desk:
            devices.change_tags(desk, f"alpha-{number % 2 + 1}", add=[f"tag-{number}"])

    with office.desk() as desk:
        before = audit.verify(desk).entries
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tag, range(24)))
    with office.desk() as desk:
        assert audit.verify(desk).entries == before + 24


def test_events_that_happen_at_once_are_seen_in_the_order_of_their_numbers(office):
    """Else a reader that goes on from the newest one would miss an older one that comes later."""
    seen = []

    def happen(number):
        with office.database.begin() as connection:
            record(connection, enrolled(f"alpha-{number}", ALPHA), now=office.now)
        with office.database.read() as connection:
            seen.append(connection.scalars(select(events.c.id).order_by(events.c.id)).all())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(happen, range(64)))
    assert max(map(len, seen)) >= 64
    assert all(list(ids) == list(range(1, len(ids) + 1)) for ids in seen)
