import hashlib
import subprocess
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.identities import NOW, Factory, Identity, der, make_device_authority, new_key, request_pem

from ota_server.devices.anchors import Anchors
from ota_server.devices.identity import hash_of_key, key_sha256, subject_id
from ota_server.devices.signing_request import read_request
from ota_server.errors import InvalidError, UnauthenticatedError

FACTORY = Factory.new()
CERTIFICATE = FACTORY.make(new_key(), "cam-0001")


@pytest.fixture
def authority(tmp_path):
    return make_device_authority(tmp_path)


def test_the_identity_is_what_openssl_hashes(authority):
    device = Identity.new("cam-0001")
    pem = device.certificate(authority).pem
    public = subprocess.run(
        ["openssl", "x509", "-pubkey", "-noout"], input=pem.encode(), capture_output=True, check=True
    ).stdout
    spki = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, capture_output=True, check=True
    ).stdout
    assert key_sha256(der(pem)) == hashlib.sha256(spki).hexdigest() == device.key_sha256


def test_a_renewed_certificate_is_another_and_the_identity_the_same(authority):
    device = Identity.new("cam-0001")
    old, new = (der(device.certificate(authority, NOW + timedelta(days=n)).pem) for n in (0, 200))
    assert old != new
    assert key_sha256(old) == key_sha256(new)


def test_two_keys_are_two_identities_whatever_name_they_have(authority):
    one, other = (der(Identity.new("cam-0001").certificate(authority).pem) for _ in range(2))
    assert subject_id(one) == subject_id(other) == "cam-0001"
    assert key_sha256(one) != key_sha256(other)


@given(st.binary(max_size=200))
@example(b"")
def test_what_is_no_certificate_is_nobody(data):
    with pytest.raises(UnauthenticatedError):
        key_sha256(data)
    with pytest.raises(UnauthenticatedError):
        subject_id(data)


def damages(data):
    """The same with one byte changed, each byte in turn."""
    for position in range(len(data)):
        for change in (0x01, 0x20, 0xFF):
            yield data[:position] + bytes([data[position] ^ change]) + data[position + 1 :]


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_damaged_certificate_is_read_or_refused():
    for damaged in damages(CERTIFICATE):
        for read in (key_sha256, subject_id):
            with suppress(UnauthenticatedError):
                assert isinstance(read(damaged), str)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_damaged_certificate_is_nobody_s_or_still_says_what_was_signed():
    """The signature has a second spelling: bits that do not count."""
    anchors = Anchors((), [FACTORY.certificate])
    known = anchors.verify(CERTIFICATE, NOW)
    for damaged in damages(CERTIFICATE):
        with suppress(UnauthenticatedError):
            assert anchors.verify(damaged, NOW) == known


def test_a_damaged_request_is_refused_or_still_for_the_same_key():
    key = new_key()
    head, *body, foot = request_pem(key, "cam-0001").splitlines()
    for damaged in damages(b64decode("".join(body))):
        with suppress(InvalidError):
            request = read_request("\n".join((head, b64encode(damaged).decode(), foot)), "cam-0001")
            assert request.key_sha256 == hash_of_key(key.public_key())
