import shutil

import pytest
from support.memory_repository import PRODUCT
from support.operator import Operator, furnish


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """A server's folder as most tests begin with it: to be copied."""
    folder = tmp_path_factory.mktemp("furnished") / "server"
    furnish(folder)
    return folder


@pytest.fixture
def house(tmp_path, furnished):
    """An operator, and a server of his own."""
    shutil.copytree(furnished, tmp_path / "server")
    return Operator(tmp_path / "server")


@pytest.fixture
def rollout(house):
    house.run("group", "create", PRODUCT, "all", f"product = {PRODUCT}")
    house.run(
        "rollout",
        "create",
        PRODUCT,
        "spring",
        "1.1.0",
        "--group",
        "all",
        "--wave",
        "1",
        "--wave",
        "rest",
    )
    return f"{PRODUCT}/spring"
