import pytest
from support.fleet import emptied, open_database
from support.telling import Telling
from support.webhook_receiver import receiving


@pytest.fixture(scope="session")
def _database(tmp_path_factory):
    # to compile its statements takes longer than most tests
    database = open_database(tmp_path_factory.mktemp("telling"))
    yield database
    database.close()


@pytest.fixture
def telling(_database):
    return Telling(emptied(_database))


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one
