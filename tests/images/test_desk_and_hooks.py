"""The desk's side of tar images, and the hook that sees what was written."""

import json
import os

import pytest
from support.attacks import nothing_activated, refused
from support.memory_repository import MemoryRepository, Release
from support.signing_desk import HARDWARE, PRODUCT, version
from support.simulated import make_device
from support.tars import file, folder, tar

from ota_client.agent_settings import Hooks
from ota_client.errors import ConfigError, HookError
from ota_client.hooks import HookRunner
from ota_client.manifest import ImageFormat
from signing.inspection import inspect
from signing.release import NewRelease, add_release, check_release


def new_release(path, **more):
    return NewRelease(PRODUCT, version("1.0.0"), 1, (HARDWARE,), (("app", path),), tars=("app",), **more)


def test_a_tar_image_is_named_so_in_the_manifest_the_review_and_the_inspection(desk, tmp_path):
    path = tmp_path / "app.tar"
    path.write_bytes(tar(folder("a"), file("a/b")))
    manifest = add_release(desk.repository, new_release(path), now=desk.now)
    assert manifest.images[0].format is ImageFormat.TAR
    assert any("image app: tar, " in line for line in desk.review()[PRODUCT].changes)
    written = next(desk.repository.staged_dir.rglob("*.manifest.json"))
    assert json.loads(written.read_bytes())["images"][0]["format"] == "tar"
    assert inspect(written).facts["image app"].startswith("tar, ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no tar" * 200, "expected a header"),
        (tar(file("a/b")), "expected its folder to stand before it"),
        (tar(file("../a")), "expected a relative name"),
    ],
)
def test_what_no_device_could_unpack_is_not_staged(content, reason, desk, tmp_path):
    path = tmp_path / "app.tar"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"app.tar: tar: {reason}"):
        check_release(desk.repository, new_release(path))


def test_a_tar_image_has_no_hash_tree(desk, tmp_path):
    path = tmp_path / "app.tar"
    path.write_bytes(tar(file("a")))
    with pytest.raises(ConfigError, match=r"raw images \(none\), got app"):
        check_release(desk.repository, new_release(path, verity=("app",)))


@pytest.fixture
def device(tmp_path):
    repository = MemoryRepository()
    repository.put(Release("1.1.0", 2))
    device = make_device(tmp_path, repository)
    device.client.check()
    return device


def hooks(device, script):
    command = ("sh", "-c", script)
    return HookRunner(Hooks(post_write=command), os.environ, device.config.slots)


def test_the_post_write_hook_knows_the_slot_and_its_devices(device, tmp_path):
    told = tmp_path / "told"
    runner = hooks(
        device, f'echo "$RATCHET_HOOK $RATCHET_VERSION $RATCHET_SLOT $RATCHET_IMAGE_ROOTFS" > {told}'
    )
    device.client.install(accept=runner.post_write)
    path = device.config.slots["B"]["rootfs"]
    assert told.read_text() == f"post_write 1.1.0 B {path}\n"


def test_what_the_post_write_hook_refuses_is_not_activated(device):
    with (
        nothing_activated(device),
        refused(HookError, "hook post_write: expected sh to end with 0, got 3"),
    ):
        device.client.install(accept=hooks(device, "exit 3").post_write)
    assert device.client.install().installed
