"""Every key type for every role: signed, published, and accepted by a device."""

import pytest
from support.signing_desk import PRODUCT, SigningDesk, version

from ota_client.errors import ExpiredError, MetadataError
from signing.keys import Scheme
from signing.root import rotate

ROLES = ("root", "targets", "snapshot", "timestamp", PRODUCT)


@pytest.fixture
def desk(tmp_path, quick_signing):
    return SigningDesk(tmp_path)


def take_keys_of(scheme, desk):
    for role in ROLES:
        desk.repository.keys.generate(f"{role}.new", scheme)
        rotate(desk.repository, role, role, f"{role}.new", now=desk.now)


@pytest.mark.parametrize("scheme", [Scheme.ECDSA_P256, Scheme.ML_DSA_65])
def test_a_repository_of_one_scheme_alone_is_trusted_from_its_first_root(desk, scheme):
    take_keys_of(scheme, desk)
    desk.release("1.0.0")
    root = (desk.published / "metadata/1.root.json").read_text()
    assert "ed25519" not in root
    assert desk.offered().version == version("1.0.0")


@pytest.mark.walk(1)
@pytest.mark.parametrize("scheme", [Scheme.ECDSA_P256, Scheme.ML_DSA_65])
def test_a_fleet_moves_from_ed25519_to_another_scheme(desk, scheme):
    desk.release("1.0.0")
    take_keys_of(scheme, desk)
    desk.release("1.1.0")
    assert desk.offered().version == version("1.1.0")


@pytest.mark.walk(2)
@pytest.mark.parametrize("role", ROLES[1:])
def test_a_changed_bit_of_a_post_quantum_signature_is_noticed(desk, role):
    take_keys_of(Scheme.ML_DSA_65, desk)
    desk.release("1.0.0")
    name = "timestamp.json" if role == "timestamp" else f"1.{role}.json"
    path = desk.published / "metadata" / name
    text = path.read_text()
    at = text.index('"sig":"') + 100
    path.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    with pytest.raises(MetadataError) as caught:
        desk.offered()
    assert not isinstance(caught.value, ExpiredError)
