"""D09: links planted in the state directory, or in place of it, are not followed."""

import os

import pytest
from support.folder_device import make_folder_device

from ota_client.errors import InstallError, StorageError

FILES = [
    "state/state.0",
    "state/state.1",
    "state/rollback-index.0",
    "state/rollback-index.1",
    "state/lock",
    "boot.0",
    "boot.1",
]


@pytest.fixture
def device(tmp_path, repository):
    device = make_folder_device(tmp_path / "device", repository)
    device.client.check()
    return device


@pytest.fixture
def victim(tmp_path):
    """What the links lead to; the device must neither write nor believe it."""
    (tmp_path / "victim").mkdir()
    return tmp_path / "victim"


def symbolic(to, at):
    at.symlink_to(to)


def hard(to, at):
    at.hardlink_to(to)


@pytest.mark.walk(5)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("plant", [symbolic, hard])
def test_d09_a_link_in_place_of_a_file_is_neither_read_nor_written_through(device, victim, name, plant):
    path = device.path(name)
    moved = path.rename(victim / path.name)
    plant(moved, path)
    before = device.files(), moved.read_bytes()
    with pytest.raises(StorageError):
        device.client.install()
    after = device.files(), moved.read_bytes()
    assert after == before


@pytest.mark.parametrize("name", FILES)
def test_d09_a_link_to_nowhere_creates_nothing(device, victim, name):
    device.path(name).unlink()
    device.path(name).symlink_to(victim / "created")
    with pytest.raises(InstallError):
        device.client.install()
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_d09_a_pipe_in_place_of_a_file_does_not_hold_the_device_up(device, name):
    device.path(name).unlink()
    os.mkfifo(device.path(name))
    with pytest.raises(StorageError, match=r"a plain file with one name|No such device"):
        device.client.install()


def test_d09_a_link_in_place_of_the_state_directory_is_refused(device, victim):
    device.path("state").rename(victim / "state")
    device.path("state").symlink_to(victim / "state")
    with pytest.raises(StorageError, match="got a link to one"):
        device.client.status()


@pytest.mark.parametrize("name", ["state/tuf", "state/tuf/root_history"])
def test_d09_a_link_in_place_of_tufs_cache_is_refused(device, victim, name):
    device.path(name).rename(victim / "there")
    before = {path: path.read_bytes() for path in victim.rglob("*.json")}
    device.path(name).symlink_to(victim / "there")
    with pytest.raises(StorageError, match="link"):
        device.client.check()
    assert {path: path.read_bytes() for path in victim.rglob("*.json")} == before


@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "offered.manifest", "offered.new"])
@pytest.mark.parametrize("plant", [symbolic, hard])
def test_d09_a_link_in_tufs_cache_is_replaced_and_not_written_through(device, victim, name, plant):
    secret, link = victim / "secret", device.path(f"state/tuf/{name}")
    secret.write_bytes(b"precious")
    link.unlink(missing_ok=True)
    device.path("state/tuf/offered.manifest").unlink(missing_ok=True)
    plant(secret, link)
    assert device.client.install().installed
    assert secret.read_bytes() == b"precious"
