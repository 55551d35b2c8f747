"""What a transaction does last: in order, once, and only if it holds."""

import pytest
from support.fleet import open_database

from ota_server.database.last import Last, at_end


@pytest.fixture
def database(tmp_path):
    database = open_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def left(database):
    """Leave a word for the end of a transaction; those that came are listed."""
    came = []

    def leave(connection, word, rank=Last.JOURNAL, key=""):
        at_end(connection, rank, lambda _: came.append(word), key=key)

    leave.came = came
    return leave


def test_it_is_done_by_rank_then_by_key_then_as_it_was_added(database, left):
    with database.begin() as connection:
        left(connection, "d")
        left(connection, "e")
        left(connection, "c", Last.VERSION_COUNTS, "cam/2")
        left(connection, "b", Last.VERSION_COUNTS, "cam/1")
        assert left.came == []
    assert left.came == ["b", "c", "d", "e"]


def test_what_failed_leaves_nothing_to_the_next_transaction(database, left):
    def fail():
        with database.begin() as connection:
            left(connection, "never")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with database.begin() as connection:
        left(connection, "now")
    assert left.came == ["now"]


def test_what_is_undone_to_a_savepoint_is_left_for_no_end(database, left):
    def fail(connection):
        with connection.begin_nested():
            left(connection, "never")
            with connection.begin_nested():
                left(connection, "nor this")
            raise LookupError

    with database.begin() as connection:
        left(connection, "before")
        with connection.begin_nested():
            left(connection, "within")
        with pytest.raises(LookupError):
            fail(connection)
        left(connection, "after")
    assert left.came == ["before", "within", "after"]


def test_a_transaction_that_reads_has_no_such_end(database, left):
    with database.read() as connection, pytest.raises(KeyError):
        left(connection, "never")
