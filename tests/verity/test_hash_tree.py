"""A release's dm-verity hash tree: what the desk builds, shows and checks."""

import io
import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_repository import encode
from support.signing_desk import PRODUCT
from tuf.api.metadata import Targets

from ota_client.errors import ConfigError, PayloadError
from ota_client.network.directory import DirectoryFetcher
from ota_client.verity import BLOCK_BYTES, tree_levels
from signing.errors import RepositoryFileError
from signing.inspection import inspect
from signing.verify import check_content, verify_repository
from signing.verity import add_hash_tree

CONTENT = b"root file system " * 700


@pytest.fixture
def made(tmp_path):
    image, file = tmp_path / "image", tmp_path / "whole"
    image.write_bytes(CONTENT)
    return add_hash_tree(image, file, name="gateway/1.0.0/rootfs"), file.read_bytes()


def test_the_root_hash_is_that_of_the_salted_blocks(made):
    verity, whole = made
    salt, padded = bytes.fromhex(verity.salt), whole[: verity.hash_offset]
    hashes = [
        sha256(salt + padded[at : at + BLOCK_BYTES]).digest()
        for at in range(0, len(padded), BLOCK_BYTES)
    ]
    top = b"".join(hashes).ljust(BLOCK_BYTES, b"\0")
    assert padded == CONTENT.ljust(3 * BLOCK_BYTES, b"\0")
    assert verity.root_hash == sha256(salt + top).hexdigest()
    assert whole[verity.hash_offset + BLOCK_BYTES :] == top
    assert whole[verity.hash_offset :].startswith(b"verity\0\0")
    assert len(whole) == verity.image_bytes


def test_the_same_image_under_the_same_name_gives_the_same_bytes_and_under_another_not(made, tmp_path):
    again = add_hash_tree(tmp_path / "image", tmp_path / "again", name="gateway/1.0.0/rootfs")
    other = add_hash_tree(tmp_path / "image", tmp_path / "other", name="gateway/1.1.0/rootfs")
    assert (again, (tmp_path / "again").read_bytes()) == made
    assert {other.salt, other.root_hash}.isdisjoint({again.salt, again.root_hash})


@given(st.integers(1, 2**40))
def test_each_level_has_a_hash_for_each_block_below_it(data_blocks):
    below = data_blocks
    for blocks in tree_levels(data_blocks):
        assert (blocks - 1) * 128 < below <= blocks * 128
        below = blocks
    assert below == 1


def test_a_release_carries_the_root_hash_and_a_deep_verification_recomputes_it(desk):
    desk.release("1.0.0", content=CONTENT, verity=("rootfs",))
    image = desk.offered().images[0]
    assert image.size_bytes == image.verity.image_bytes
    assert not list(desk.repository.folder.rglob("*.verity"))
    root = (desk.published / "metadata/1.root.json").read_bytes()
    fetcher = DirectoryFetcher(desk.published)
    (report,) = verify_repository(fetcher, fetcher.base_url, pinned_root=root, now=desk.now, deep=True)
    assert report.payload_bytes > 0


@pytest.mark.system  # signs a whole release
def test_the_review_and_the_inspection_show_the_root_hash(desk):
    manifest = desk.add("1.0.0", content=CONTENT, verity=("rootfs",))
    root_hash = manifest.images[0].verity.root_hash
    assert any(root_hash in line for line in desk.review()[PRODUCT].changes)
    file = next(desk.repository.staged_dir.rglob("*.manifest.json"))
    assert root_hash in inspect(file).facts["verity rootfs"]


def test_the_review_refuses_a_root_hash_that_the_tree_does_not_have(desk):
    desk.add("1.0.0", content=CONTENT, verity=("rootfs",))
    manifest = next(desk.repository.staged_dir.rglob("*.manifest.json"))
    value = json.loads(manifest.read_bytes())
    value["images"][0]["verity"]["root_hash"] = "0" * 64
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    digest = sha256(data).hexdigest()
    for path in list(desk.repository.staged_dir.rglob("*.json")):
        if path.name.endswith((".manifest.json", ".stable.json")):
            (path.parent / f"{digest}.{path.name.partition('.')[2]}").write_bytes(data)
    with desk.repository.edit(PRODUCT, Targets, desk.now) as targets:
        for name in ("1.0.0/manifest.json", "channels/stable.json"):
            targets.targets[f"{PRODUCT}/{name}"].hashes["sha256"] = digest
            targets.targets[f"{PRODUCT}/{name}"].length = len(data)
    with pytest.raises(RepositoryFileError, match="expected the manifest's root hash 0000"):
        desk.review()


@pytest.mark.parametrize("at", [0, 3 * BLOCK_BYTES + 9, -1], ids=["data", "superblock", "tree"])
def test_a_tree_that_does_not_match_its_data_is_found(made, desk, at):
    verity, whole = made
    changed = bytearray(whole)
    changed[at] ^= 1
    index, data = encode(bytes(changed))
    image = desk.add("1.0.0", content=CONTENT, verity=("rootfs",)).images[0]
    image = replace(image, verity=verity, sha256=sha256(changed).hexdigest())
    with pytest.raises(PayloadError, match=r"expected the (manifest's root hash|hash tree of its data)"):
        check_content(image, index, io.BytesIO(data).read)


def test_only_a_raw_image_of_the_release_gets_a_tree(desk):
    with pytest.raises(ConfigError, match="verity: expected some of the raw images rootfs, got boot"):
        desk.add("1.0.0", verity=("boot",))
