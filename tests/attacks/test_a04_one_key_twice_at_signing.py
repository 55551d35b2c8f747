"""A04 at the desk: one public key under two ids never enters a role."""

import json

import pytest
from securesystemslib.signer import SSlibKey
from support.signing_desk import PRODUCT, snapshot_of

from signing import root
from signing.errors import KeyTwiceError, RepositoryFileError
from signing.product import add_product


def copy_of_key(desk, name, copy):
    """The same public key under another name, as a colleague's file may hold it."""
    path = desk.repository.folder / "keys"
    (path / f"{copy}.pub.json").write_bytes((path / f"{name}.pub.json").read_bytes())


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp", PRODUCT])
def test_a_role_takes_a_public_key_once(desk, role):
    copy_of_key(desk, role, "copy")
    before = snapshot_of(desk.repository.folder)
    with pytest.raises(KeyTwiceError):
        root.add_key(desk.repository, role, "copy", now=desk.now)
    with pytest.raises(KeyTwiceError):
        root.rotate(desk.repository, role, role, "copy", now=desk.now)
    assert snapshot_of(desk.repository.folder) == before


def test_a_product_is_not_added_with_one_key_twice(desk):
    desk.repository.keys.generate("dora")
    copy_of_key(desk, "dora", "copy")
    before = snapshot_of(desk.repository.folder)
    with pytest.raises(KeyTwiceError):
        add_product(
            desk.repository, "camera", ("cam-1",), keys=("dora", "copy"), threshold=2, now=desk.now
        )
    assert snapshot_of(desk.repository.folder) == before


def test_a_key_file_with_an_id_of_its_own_choice_is_refused(desk):
    path = desk.repository.folder / "keys/root.pub.json"
    value = json.loads(path.read_text())
    value["keyid"] = "ab" * 32
    (path.parent / "evil.pub.json").write_text(json.dumps(value))
    with pytest.raises(RepositoryFileError, match="key id"):
        root.add_key(desk.repository, "root", "evil", now=desk.now)


def test_the_same_key_written_in_upper_case_is_the_same_key(desk):
    path = desk.repository.folder / "keys/root.pub.json"
    value = json.loads(path.read_text())
    value["key"]["keyval"]["public"] = value["key"]["keyval"]["public"].upper()
    key = SSlibKey.from_dict("x", json.loads(json.dumps(value["key"])))
    value["keyid"] = SSlibKey.from_crypto(key._crypto_key()).keyid
    (path.parent / "evil.pub.json").write_text(json.dumps(value))
    with pytest.raises((KeyTwiceError, RepositoryFileError)):
        root.add_key(desk.repository, "root", "evil", now=desk.now)
