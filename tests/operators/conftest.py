import pytest
from support.people import open_house


@pytest.fixture
def database(tmp_path):
    """With nobody in it."""
    database = open_house(tmp_path)
    yield database
    database.close()


@pytest.fixture
def house(tmp_path):
    """An admin of all products, one of a single product, and a viewer of another."""
    database = open_house(tmp_path, root="admin", cam="admin:cam", vera="viewer:gw", mia="operator:cam")
    yield database
    database.close()
