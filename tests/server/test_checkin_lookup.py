import asyncio
import sqlite3

import pytest
from device_rows import NOW, add_device
from sqlalchemy import delete, insert, select
from support.fleet import open_database, with_tables
from support.postgresql import needs_postgresql, postgresql

from ota_server.checkin.lookup import FIND_ONE
from ota_server.checkin.opening import lookup_for
from ota_server.checkin.seen import LastSeen
from ota_server.database import schema
from ota_server.database.database import Database
from ota_server.devices import denied
from ota_server.errors import DatabaseUnavailableError


class Asked:
    """A look-up on a database of one kind, with a loop to ask it in."""

    def __init__(self, database):
        self.database = database
        self.lookup = lookup_for(self.database)
        self._runner = asyncio.Runner()
        self.run(self.lookup.open())

    def run(self, awaitable):
        return self._runner.run(awaitable)

    def find(self, key):
        return self.run(self.lookup.find(key))

    def close(self):
        self.run(self.lookup.close())
        self._runner.close()
        self.database.close()

    def add(self, device_id, **values):
        with self.database.begin() as connection:
            return add_device(connection, device_id, **values)

    def put(self, table, **values):
        with self.database.begin() as connection:
            connection.execute(insert(table).values(values))

    def seen_at(self):
        with self.database.read() as connection:
            return dict(connection.execute(select(schema.device_seen)).all())


KINDS = [
    "sqlite",
    pytest.param("postgresql", marks=[pytest.mark.system, needs_postgresql]),
]


@pytest.fixture(scope="module")
def cluster():
    with postgresql() as one:
        yield one


@pytest.fixture(params=KINDS)
def asked(request, tmp_path):
    if request.param == "postgresql":
        one = Asked(with_tables(Database(request.getfixturevalue("cluster").database())))
    else:
        one = Asked(open_database(tmp_path))
    yield one
    one.close()


KEY = "7" * 64


def offer(asked, device_pk, number, *, state="pending", rollout="running", **values):
    """A rollout with one place."""
    group = {"id": number, "product": "camera", "name": f"g{number}", "query": "x", "created_at": 1}
    asked.put(schema.groups, **group)
    given = {"wave": 1, "priority": 0, "in_flight": 0, "max_in_flight": 1} | {
        name: values.pop(name) for name in ("wave", "priority", "in_flight") if name in values
    }
    asked.put(
        schema.rollouts,
        id=number,
        product="camera",
        name=f"r{number}",
        version="1.1.0",
        group_id=number,
        state=rollout,
        plan="{}",
        salt="",
        created_at=1,
        starts_at=1,
        changed_at=1,
        revision=number * 10,
        **given,
    )
    asked.put(
        schema.rollout_devices,
        id=number * 100,
        rollout_id=number,
        device_pk=device_pk,
        wave=1,
        state=state,
        changed_at=1,
        **values,
    )


def test_a_device_is_found_with_what_it_last_said(asked):
    pk = asked.add("cam-1", key_sha256=KEY, running_version="1.0.0", rollback_index=3, root_version=2)
    found = asked.find(KEY)
    assert (found.device_pk, found.device_id, found.product) == (pk, "cam-1", "camera")
    assert (found.running_version, found.rollback_index, found.root_version) == ("1.0.0", 3, 2)
    assert (found.phase, found.inventory_sha256, found.penalty_until) == (None, None, 0)
    assert (found.denied, found.candidates, found.held) == (False, (), None)


def test_a_key_that_nobody_has_is_not_found_and_one_that_is_denied_is_known(asked):
    with asked.database.begin() as connection:
        denied.deny(connection, KEY, denied.Reason.DECOMMISSIONED, now=NOW)
    assert asked.find(KEY) is None
    assert asked.run(asked.lookup.is_denied(KEY)) is True
    assert asked.run(asked.lookup.is_denied("8" * 64)) is False


def test_a_revoked_device_is_denied(asked):
    asked.add("cam-1", key_sha256=KEY, status="revoked")
    assert asked.find(KEY).denied is True


def test_what_a_device_holds_comes_first_then_by_priority_then_the_oldest(asked):
    pk = asked.add("cam-1", key_sha256=KEY)
    asked.add("cam-2")
    offer(asked, pk, 1)
    offer(asked, pk, 2, priority=9)
    offer(asked, pk, 3, state="trial", version="1.1.0", in_flight=1)
    offer(asked, pk, 4, priority=9)
    offer(asked, pk, 5, state="succeeded")
    found = asked.find(KEY)
    assert [one.rollout_id for one in found.candidates] == [3, 2, 4, 1]
    assert (found.held.rollout_device_id, found.held.version, found.held.revision) == (300, "1.1.0", 30)


@pytest.mark.parametrize(
    ("place", "is_open"),
    [
        ({}, True),
        ({"rollout": "paused"}, False),
        ({"rollout": "scheduled"}, False),
        ({"wave": 0}, False),
        ({"in_flight": 1}, False),
        ({"state": "trial", "in_flight": 1}, True),
        ({"state": "trial", "in_flight": 1, "rollout": "paused"}, True),
        ({"state": "trial", "in_flight": 1, "rollout": "halted"}, False),
    ],
)
def test_a_place_is_open_where_a_claim_may_succeed_or_the_rollout_goes_on(asked, place, is_open):
    offer(asked, asked.add("cam-1", key_sha256=KEY), 1, **place)
    (one,) = asked.find(KEY).candidates
    assert bool(one.open) is is_open


def test_when_devices_were_here_is_written_within_the_second_and_never_goes_back(asked):
    first, second, gone = (asked.add(f"cam-{n}") for n in range(3))
    with asked.database.begin() as connection:
        connection.execute(delete(schema.devices).filter_by(pk=gone))

    async def some():
        for pk, at in ((second, 20), (first, 10), (gone, 10), (first, 11)):
            asked.lookup.seen(pk, at)
        assert asked.lookup.unwritten == 3
        while asked.lookup.unwritten or not asked.seen_at():  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(0.01)

    asked.run(asyncio.wait_for(some(), 30))
    assert asked.seen_at() == {first: 11, second: 20}

    async def older():
        asked.lookup.seen(first, 5)
        asked.lookup.seen(second, 21)
        await asked.lookup.close()

    asked.run(older())
    assert asked.seen_at() == {first: 11, second: 21}


def test_a_database_that_is_gone_is_an_error_of_ours(tmp_path):
    asked = Asked(open_database(tmp_path))
    with asked.database.begin() as connection:
        schema.metadata.drop_all(connection)
    with pytest.raises(DatabaseUnavailableError):
        asked.find(KEY)
    asked.run(asked.lookup.close())
    with pytest.raises(DatabaseUnavailableError):
        asked.find(KEY)
    asked.close()


@pytest.mark.system
@needs_postgresql
def test_a_postgresql_that_was_killed_is_503_and_found_again():
    with postgresql(fsync=True) as cluster:
        asked = Asked(with_tables(Database(cluster.database())))
        asked.add("cam-1", key_sha256=KEY)
        assert asked.find(KEY)
        cluster.kill()
        with pytest.raises(DatabaseUnavailableError):
            asked.find(KEY)
        cluster.start()

        async def again():
            while True:
                try:
                    return await asked.lookup.find(KEY)
                except DatabaseUnavailableError:
                    await asyncio.sleep(0.1)

        assert asked.run(asyncio.wait_for(again(), 30)).device_id == "cam-1"
        asked.close()


def test_all_who_ask_at_once_are_answered_each_with_his_own(asked):
    pks = {f"{n:064x}": asked.add(f"cam-{n}", key_sha256=f"{n:064x}") for n in range(40)}
    wanted = [*pks, KEY, *pks]

    async def together():
        return await asyncio.gather(*map(asked.lookup.find, wanted))

    found = asked.run(together())
    assert [one and one.device_pk for one in found] == [pks.get(key) for key in wanted]


@pytest.mark.system
@needs_postgresql
def test_on_postgresql_those_who_come_meanwhile_share_the_next_question(cluster):
    asked = Asked(with_tables(Database(cluster.database())))
    asked.add("cam-1", key_sha256=KEY)
    questions, find, began = [], asked.lookup._find, asyncio.Event()

    async def noted(keys):
        questions.append(keys)
        began.set()
        return await find(keys)

    asked.lookup._find = noted

    async def together():
        first = [asyncio.create_task(asked.lookup.find(KEY)) for _ in range(5)]
        await began.wait()
        # asked after the first question went out: what it finds may be older than they are
        return await asyncio.gather(*first, *(asked.lookup.find(KEY) for _ in range(20)))

    assert {one.device_id for one in asked.run(together())} == {"cam-1"}
    assert questions == [[KEY], [KEY]]
    asked.close()


@pytest.mark.system
@needs_postgresql
def test_on_postgresql_who_hangs_up_takes_no_answer_from_the_others(cluster):
    asked = Asked(with_tables(Database(cluster.database())))
    asked.add("cam-1", key_sha256=KEY)

    async def some():
        gone, stays = (asyncio.create_task(asked.lookup.find(KEY)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asked.run(some()).device_id == "cam-1"
    asked.close()


def test_the_look_up_reads_by_indexes_and_of_places_only_those_that_are_open(tmp_path):
    asked = Asked(open_database(tmp_path))
    connection = sqlite3.connect(tmp_path / "fleet.db")
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {FIND_ONE}", [KEY]))
    connection.close()
    asked.close()
    assert "SCAN" not in plan
    assert "ix_rollout_devices_open" in plan


def test_what_could_not_be_written_is_written_later_unless_it_is_older():
    written, fails = [], [True]

    async def write(batch):
        if fails:
            fails.pop()
            raise DatabaseUnavailableError("disk full")
        written.append(batch)

    async def live():
        seen = LastSeen(write)
        seen.note(2, 10)
        seen.note(1, 10)
        assert await seen._put() is False
        seen.note(2, 12)
        await seen.close()
        assert len(seen) == 0

    asyncio.run(live())
    assert written == [[(1, 10), (2, 12)]]
