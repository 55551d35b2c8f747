import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from rollout_life import RolloutLife
from support.fleet import with_tables
from support.postgresql import needs_postgresql, postgresql

from ota_server.database.database import Database


def live(database, lives, steps):
    machine = type("Life", (RolloutLife,), {"database": database})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=lives, stateful_step_count=steps, deadline=None)
    )


def test_the_counters_are_what_a_count_says_whatever_happens(empty_database):
    live(empty_database, lives=3, steps=15)


@pytest.mark.system
def test_the_counters_are_what_a_count_says_in_long_lives(empty_database):
    live(empty_database, lives=60, steps=50)


@pytest.mark.system
@needs_postgresql
def test_the_counters_are_what_a_count_says_on_postgresql():
    with postgresql() as server:
        database = with_tables(Database(server.database()))
        try:
            live(database, lives=15, steps=40)
        finally:
            database.close()
