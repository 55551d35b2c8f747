import pytest
from support.exposed_fleet import ExposedFleet
from support.fleet import emptied, open_database


@pytest.fixture(scope="session")
def _database(tmp_path_factory):
    # one for all: to make the tables and to compile the statements takes longer than a test
    return open_database(tmp_path_factory.mktemp("security"))


@pytest.fixture
def fleet(_database):
    """A fleet without devices."""
    return ExposedFleet(emptied(_database))
