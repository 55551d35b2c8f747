import pytest
from support.office import Office


@pytest.fixture
def office(tmp_path):
    """Two products, and people of each."""
    one = Office(tmp_path)
    yield one
    one.close()


@pytest.fixture(scope="module")
def office_once(tmp_path_factory):
    """The same, for tests that leave nothing."""
    one = Office(tmp_path_factory.mktemp("office"))
    yield one
    one.close()
