import pytest
from support.simulated import make_device


@pytest.fixture
def device(tmp_path, repository):
    """A device in the field: it runs 1.0.0 and has looked at 1.1.0."""
    device = make_device(tmp_path, repository)
    device.client.check()
    return device
