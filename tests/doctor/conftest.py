import pytest
from device_on_paper import DeviceOnPaper


@pytest.fixture
def device(tmp_path):
    return DeviceOnPaper(tmp_path)
