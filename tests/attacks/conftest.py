from shutil import copytree

import pytest
from support.simulated import make_config, make_device

from ota_client.testing import SimulatedDevice, SimulatedStorage


@pytest.fixture(scope="session")
def _looked(tmp_path_factory, _signed_once):
    """Where a device lies that has looked, and its disk: to look takes longer than most attacks."""
    folder = tmp_path_factory.mktemp("looked")
    device = make_device(folder, _signed_once.copy())
    device.client.check()
    return folder, device.storage.files()


@pytest.fixture
def device(tmp_path, repository, _looked):
    """A device in the field: it runs 1.0.0 and has looked at 1.1.0."""
    folder, files = _looked
    copytree(folder, tmp_path, dirs_exist_ok=True)
    disk = {path.replace(str(folder), str(tmp_path)): data for path, data in files.items()}
    return SimulatedDevice(
        make_config(tmp_path, repository.pinned_root),
        SimulatedStorage(disk),
        fetcher=repository,
        clock=lambda: repository.now,
    )
