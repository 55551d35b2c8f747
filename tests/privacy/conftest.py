import shutil

import pytest
from support.operator import Operator, furnish


@pytest.fixture(scope="session")
def _furnished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("privacy") / "server"
    furnish(folder)
    return folder


@pytest.fixture
def operator(_furnished, tmp_path):
    folder = tmp_path / "server"
    shutil.copytree(_furnished, folder)
    return Operator(folder)
