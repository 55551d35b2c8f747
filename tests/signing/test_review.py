"""The words of a review: everything that would change, and nothing hidden."""

import json

import pytest
from support.signing_desk import HARDWARE, PRODUCT, advisory, version
from tuf.api.metadata import Root, TargetFile, Targets

from signing import root
from signing.channel import set_channel
from signing.errors import NothingToDoError, RepositoryFileError
from signing.product import add_product
from signing.release import retire_release
from signing.storage import metadata


def words(desk, role=PRODUCT):
    return "\n".join(desk.review()[role].changes)


def test_a_release_is_shown_with_what_a_signer_must_know(desk):
    manifest = desk.add(
        "1.0.0", 4, content=b"x" * 5000, advisories=(advisory("CVE-1", "1.0.0"),), notes="Hello\nthere"
    )
    said = words(desk)
    for part in (
        f"+ release {PRODUCT} 1.0.0, rollback index 4",
        f"hardware ids: {HARDWARE}",
        "image rootfs: 5000 bytes",
        f"sha256 {manifest.images[0].sha256}",
        "advisory CVE-1 (high): A weakness.",
        "the owner should: Install this update.",
        f"channel stable of {PRODUCT}: new -> 1.0.0",
        "notes: Hello",
    ):
        assert part in said


def test_versions_expiries_and_digests_are_shown(desk):
    desk.add("1.0.0")
    entry = desk.review()[PRODUCT]
    assert (entry.published_version, entry.version) == (0, 1)
    assert (entry.expires_at - desk.now).days == 180
    assert entry.digest == metadata.digest(desk.repository.staged_role(PRODUCT))


def test_retired_releases_and_moved_channels_are_shown(desk):
    desk.release("1.0.0")
    desk.add("1.1.0", channels=())
    desk.sign_and_publish()
    set_channel(desk.repository, PRODUCT, "stable", version("1.1.0"), now=desk.now)
    retire_release(desk.repository, PRODUCT, version("1.0.0"), now=desk.now)
    said = words(desk)
    assert f"- release {PRODUCT} 1.0.0 is retired" in said
    assert f"channel stable of {PRODUCT}: 1.0.0 -> 1.1.0" in said
    assert "UNUSUAL" not in said


def test_keys_thresholds_products_and_hardware_are_shown(desk):
    desk.release("1.0.0")
    desk.repository.keys.generate("second")
    key_id = desk.repository.keys.read("second").key.keyid
    root.rotate(desk.repository, "root", "root", "second", now=desk.now)
    root.add_key(desk.repository, PRODUCT, "second", now=desk.now)
    root.set_threshold(desk.repository, PRODUCT, 2, now=desk.now)
    add_product(desk.repository, PRODUCT, ("gw-rev9",), now=desk.now)
    add_product(desk.repository, "camera", ("cam-1",), now=desk.now)
    said = words(desk, "root")
    assert f"+ key second (ed25519, id {key_id}) may sign root" in said
    assert "- key root (ed25519, id " in said
    said = words(desk, "targets")
    assert f"{PRODUCT} needs signatures: 1 -> 2 (of 2 keys)" in said
    assert "+ product camera" in said
    assert f"+ hardware id gw-rev9 for product {PRODUCT}" in said


def plant(desk, role, kind, change):
    with desk.repository.edit(role, kind, desk.now) as signed:
        change(signed)


def test_a_file_that_no_release_names_is_unusual(desk):
    desk.add("1.0.0")
    path = f"{PRODUCT}/1.0.0/extra.bin"
    entry = TargetFile(3, {"sha256": "0" * 64}, path)
    plant(desk, PRODUCT, Targets, lambda targets: targets.targets.update({path: entry}))
    assert f"UNUSUAL: file {path}: 3 bytes" in words(desk)


def test_a_changed_file_of_an_old_release_is_unusual(desk):
    desk.release("1.0.0")
    path = f"{PRODUCT}/1.0.0/rootfs.data"
    entry = TargetFile(3, {"sha256": "0" * 64}, path)
    plant(desk, PRODUCT, Targets, lambda targets: targets.targets.update({path: entry}))
    assert f"UNUSUAL: file {path}" in words(desk)


def test_a_delegation_that_reaches_further_is_unusual(desk):
    def widen(targets):
        targets.delegations.roles[PRODUCT].paths = ["*/*/*"]

    plant(desk, "targets", Targets, widen)
    assert "UNUSUAL: role gateway may sign ['*/*/*']" in words(desk, "targets")


def test_unknown_fields_are_unusual(desk):
    plant(desk, "root", Root, lambda signed: signed.unrecognized_fields.update(x=1))
    assert "UNUSUAL: field x: None -> 1" in words(desk, "root")


def test_a_retired_version_that_is_forgotten_is_unusual(desk):
    desk.release("1.0.0")
    desk.release("1.1.0")
    retire_release(desk.repository, PRODUCT, version("1.0.0"), now=desk.now)
    desk.sign_and_publish()
    plant(desk, PRODUCT, Targets, lambda targets: targets.unrecognized_fields.clear())
    assert "UNUSUAL: the retired version 1.0.0 is forgotten" in words(desk)


@pytest.mark.parametrize("name", ["manifest.json", "rootfs.index"])
def test_a_staged_file_that_is_not_the_listed_one_is_refused(desk, name):
    desk.add("1.0.0")
    path = next(desk.repository.staged_dir.rglob(f"*.{name}"))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(RepositoryFileError, match=name):
        desk.review()


def test_an_index_of_another_image_than_the_manifest_says_is_refused(desk):
    desk.add("1.0.0", content=b"shown")
    other = desk.folder / "other"
    other.write_bytes(b"hidden")
    from signing.payload_encoder import encode_image

    made = encode_image(other, desk.folder / "i", desk.folder / "d")
    manifest = next(desk.repository.staged_dir.rglob("*.manifest.json"))
    value = json.loads(manifest.read_bytes())
    value["images"][0]["payload"].update(
        index_sha256=made.index_sha256, index_bytes=made.index_bytes, data_bytes=made.index.data_bytes
    )
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    folder = manifest.parent
    from hashlib import sha256

    digest = sha256(data).hexdigest()
    (folder / f"{digest}.manifest.json").write_bytes(data)
    (folder / f"{made.index_sha256}.rootfs.index").write_bytes((desk.folder / "i").read_bytes())

    def swap(targets):
        for file, size, hashed in (
            ("1.0.0/manifest.json", len(data), digest),
            ("channels/stable.json", len(data), digest),
            ("1.0.0/rootfs.index", made.index_bytes, made.index_sha256),
            ("1.0.0/rootfs.data", made.index.data_bytes, made.data_sha256),
        ):
            entry = targets.targets[f"{PRODUCT}/{file}"]
            entry.length, entry.hashes["sha256"] = size, hashed

    plant(desk, PRODUCT, Targets, swap)
    with pytest.raises(RepositoryFileError, match="do not agree"):
        desk.review()


def test_nothing_staged_is_nothing_to_review(desk):
    desk.release("1.0.0")
    with pytest.raises(NothingToDoError):
        desk.review()
