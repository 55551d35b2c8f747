"""C09: the manifest is checked once, and another one is there when it is read again."""

from dataclasses import FrozenInstanceError, is_dataclass

import pytest
from support.attacks import refused, refuses, unmoved
from support.memory_repository import Release
from support.simulated import make_device

from ota_client.errors import VerificationError
from ota_client.formats.version import Version
from ota_client.manifest import Image, Payload, ReleaseManifest
from ota_client.release import VerifiedFile, VerifiedImage, VerifiedRelease


class Changing:
    """A server whose manifests are others when they are read again."""

    def __init__(self, repository):
        self.repository, self.read = repository, []

    def get(self, url, *, max_bytes):
        data = self.repository.get(url, max_bytes=max_bytes)
        if not (url.endswith(".json") and "/targets/" in url):
            return data
        self.read.append(url)
        return data if self.read.count(url) == 1 else data.replace(b'"1.1.0"', b'"1.1.9"')

    def open_range(self, url, *, start, stop):
        return self.repository.open_range(url, start=start, stop=stop)


@pytest.fixture
def server(repository):
    return Changing(repository)


@pytest.fixture
def device(tmp_path, repository, server):
    return make_device(tmp_path, repository, fetcher=server)


@pytest.fixture
def cached(device):
    return device.config.state_dir / "tuf" / "offered.manifest"


def test_c09_a_check_and_an_install_read_the_manifest_once(device, server):
    device.client.check()
    device.client.install()
    assert len(server.read) == 1
    device.boot()
    assert str(device.client.status().running) == "1.1.0"


def test_c09_a_manifest_changed_in_the_cache_is_not_believed(device, server, cached):
    device.client.check()
    cached.write_bytes(cached.read_bytes().replace(b'"1.1.0"', b'"1.1.9"'))
    with unmoved(device):
        assert device.client.status().offered is None
    with refuses(device, VerificationError, "expected the signed"):
        device.client.install()
    assert len(server.read) == 2


def test_c09_what_was_approved_is_what_is_installed(device, repository, cached):
    """Between the approval and the writing, server and cache change under the installation."""

    def change_everything(check):
        assert str(check.offered.version) == "1.1.0"
        cached.write_bytes(b"{}")
        repository.put(Release("1.2.0", rollback_index=2))

    assert str(device.client.install(approve=change_everything).offered.version) == "1.1.0"
    device.boot()
    assert str(device.client.mark_good().running) == "1.1.0"


@pytest.mark.parametrize(
    "kind",
    [ReleaseManifest, Image, Payload, Version, VerifiedRelease, VerifiedImage, VerifiedFile],
)
def test_c09_what_was_read_once_cannot_be_changed(kind):
    assert is_dataclass(kind)
    blank = object.__new__(kind)
    with refused_change():
        setattr(blank, next(iter(kind.__dataclass_fields__)), None)


def refused_change():
    return pytest.raises(FrozenInstanceError)


def test_c09_another_manifest_under_the_same_name_is_refused(device, repository):
    path = next(path for path in repository.files if path.endswith(".stable.json"))
    repository.files[path] = repository.files[path].replace(b'"rollback_index":2', b'"rollback_index":9')
    with refused(VerificationError, "expected the signed"):
        device.client.check()
    with refuses(device, VerificationError):
        device.client.install()
