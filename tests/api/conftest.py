import pytest
from support.fleet import PRODUCT, add_devices
from support.operator_api import OperatorApiUnderTest


@pytest.fixture
def api(tmp_path):
    with OperatorApiUnderTest(tmp_path) as one:
        with one.database.begin() as connection:
            add_devices(connection, [f"cam-{number}" for number in range(5)])
        yield one


@pytest.fixture
def operator(api):
    return api.caller(f"operator:{PRODUCT}")
