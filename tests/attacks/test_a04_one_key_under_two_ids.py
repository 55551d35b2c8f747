"""A04: one public key under two key ids reaches a threshold of two; on the device."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import SSlibKey
from support.attacks import refuses
from support.forgery import ROLES, SignsAs, delegator, twin
from support.memory_repository import Release, signer

from ota_client import metadata_checks
from ota_client.errors import DuplicateKeyError, MetadataError


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("written", [str.lower, str.upper])
def test_one_key_is_one_vote(device, repository, role, written):
    key = repository.signers[role][0].public_key
    other = twin(key, "f" * 64)
    other.keyval["public"] = written(other.keyval["public"])
    delegator(repository, role).add_key(other, role)
    delegator(repository, role).get_delegated_role(role).threshold = 2
    repository.signers[role].append(SignsAs(role, "f" * 64))
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    with refuses(device, DuplicateKeyError, f"role {role}: expected 2 different public keys"):
        device.client.install()


def test_the_same_point_compressed_or_not_is_one_key():
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    spaced = pem.replace("\n", "\r\n") + "\r\n"
    keys = [
        SSlibKey(kind, kind, "ecdsa-sha2-nistp256", {"public": text})
        for kind in ("ecdsa", "ecdsa-sha2-nistp256")
        for text in (pem, spaced)
    ]
    assert len({metadata_checks.public_bytes(key) for key in keys}) == 1


# on secp112r1, a curve that no library here takes
ODD_CURVE = "MDIwEAYHKoZIzj0CAQYFK4EEAAYDHgAEYTPcozvjTc3VF0AqyESfVkAFnIT9jPTQoTXteA=="
UNREADABLE = [
    "no key",
    *(f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n" for key in ("MAA=", ODD_CURVE)),
]


@pytest.mark.parametrize("public", UNREADABLE)
def test_a_key_that_this_device_cannot_read_counts_for_nothing_and_stops_nothing(
    device, repository, public
):
    key = SSlibKey("odd", "ecdsa", "ecdsa-sha2-nistp256", {"public": public})
    for role in ("timestamp", "gateway"):
        delegator(repository, role).add_key(key, role)
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    assert str(device.client.check().offered.version) == "1.2.0"
    repository.signers["gateway"] = [SignsAs("thief", "odd")]
    repository.publish()
    with refuses(device, MetadataError, "gateway was signed by 0/1 keys"):
        device.client.install()


def test_one_key_may_serve_two_roles(device, repository):
    repository.replace_key("snapshot", "timestamp")
    repository.signers["snapshot"] = [signer("timestamp")]
    repository.publish_root()
    repository.publish()
    assert device.client.check().offered is not None


@pytest.mark.parametrize("role", ROLES)
def test_an_id_without_a_key_counts_for_nothing_and_stops_nothing(device, repository, role):
    delegator(repository, role).get_delegated_role(role).keyids.append("ghost")
    repository.publish_root()
    repository.put(Release("1.2.0", rollback_index=2))
    assert str(device.client.check().offered.version) == "1.2.0"
