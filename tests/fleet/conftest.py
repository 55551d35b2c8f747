import pytest

from ota_server.simulate import session


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Devices that come back soon after a failure: the tests wait for them."""
    monkeypatch.setattr(session, "_BACK_OFF_MOST_S", 1.0)
