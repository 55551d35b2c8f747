import pytest
from support.fleet import emptied, open_database
from support.rollout_story import RolloutStory


@pytest.fixture(scope="session")
def _database(tmp_path_factory):
    # one for all: to make the tables and to compile the statements takes longer than a test
    return open_database(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def empty_database(_database):
    """A SQLite database with empty tables."""
    return emptied(_database)


@pytest.fixture
def story(empty_database):
    """Ten devices that run 1.0.0, without a rollout yet."""
    return RolloutStory(empty_database)
