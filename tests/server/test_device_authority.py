import subprocess
from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from support.identities import (
    NOW,
    Factory,
    Identity,
    der,
    key_pem,
    make_device_authority,
    new_key,
    request_pem,
    subject,
)

from ota_client.errors import ConfigError
from ota_server.devices.anchors import Anchors
from ota_server.devices.authority import DeviceAuthority
from ota_server.devices.signing_request import read_request
from ota_server.errors import InvalidError, UnauthenticatedError

REQUEST = request_pem(new_key(), "cam-0001")


@pytest.fixture
def authority(tmp_path):
    return make_device_authority(tmp_path)


def made(authority, key=None, name="cam-0001"):
    csr = read_request(request_pem(key or new_key(), name), name)
    return x509.load_pem_x509_certificate(authority.sign(csr, name, NOW).pem.encode())


def test_a_certificate_is_for_clients_and_for_nothing_else(authority):
    certificate = made(authority)
    extensions = {one.oid: one for one in certificate.extensions}
    assert certificate.subject == subject("cam-0001")
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)
    assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extensions[x509.BasicConstraints.oid].value == x509.BasicConstraints(
        ca=False, path_length=None
    )
    assert extensions[x509.BasicConstraints.oid].critical
    assert extensions[x509.KeyUsage.oid].value.digital_signature
    assert not extensions[x509.KeyUsage.oid].value.key_cert_sign


def test_what_a_request_asks_for_beside_its_key_is_dropped(authority):
    key = new_key()
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody Else"),
                    x509.NameAttribute(NameOID.COMMON_NAME, "cam-0001"),
                ]
            )
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("updates.example.com")]), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = request.public_bytes(Encoding.PEM).decode()
    signed = authority.sign(read_request(pem, "cam-0001"), "cam-0001", NOW)
    certificate = x509.load_pem_x509_certificate(signed.pem.encode())
    assert {one.oid for one in certificate.extensions} == {one.oid for one in made(authority).extensions}
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.subject == subject("cam-0001")


def test_openssl_verifies_the_chain_for_clients_and_refuses_it_for_servers(authority, tmp_path):
    chain = tmp_path / "chain.pem"
    chain.write_text(Identity.new("cam-0001").certificate(authority).pem)
    command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp()))]
    command += ["-CAfile", str(tmp_path / "device-ca.pem")]
    for purpose, code in (("sslclient", 0), ("sslserver", 2)):
        assert subprocess.run([*command, "-purpose", purpose, chain], check=False).returncode == code


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=lambda key: getattr(getattr(key, "curve", None), "name", "ed25519"),
)
def test_strong_keys_are_certified(authority, key):
    assert made(authority, key).public_key() == key.public_key()


def test_rsa_counts_its_bits(monkeypatch):
    key = rsa.generate_private_key(65537, 2048)
    pem = request_pem(key, "cam-0001")
    with pytest.raises(InvalidError, match="RSA of 3072 to 4096 bits"):
        read_request(pem, "cam-0001")
    # making a longer key takes a second
    monkeypatch.setattr("ota_server.devices.signing_request._RSA_LEAST_BITS", 2048)
    assert read_request(pem, "cam-0001").key == key.public_key()


@pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP256K1(), ec.BrainpoolP256R1(), ec.SECP224R1()])
def test_other_curves_are_refused(curve):
    pem = request_pem(ec.generate_private_key(curve), "cam-0001")
    with pytest.raises(InvalidError, match="csr: expected a key on P-256"):
        read_request(pem, "cam-0001")


def test_a_request_for_another_name_is_refused():
    with pytest.raises(InvalidError, match="CN=cam-0002"):
        read_request(REQUEST, "cam-0002")


def test_a_request_for_two_names_is_refused():
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one) for one in ("cam-0001", "cam-0002")])
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(names).sign(new_key(), hashes.SHA256())
    )
    with pytest.raises(InvalidError, match="the one name"):
        read_request(request.public_bytes(Encoding.PEM).decode(), "cam-0001")


def test_a_request_that_its_key_did_not_sign_is_refused():
    body = x509.load_pem_x509_csr(REQUEST.encode()).public_bytes(Encoding.DER)
    forged = x509.load_der_x509_csr(body[:-1] + bytes([body[-1] ^ 1]))
    with pytest.raises(InvalidError, match="signed by its own key"):
        read_request(forged.public_bytes(Encoding.PEM).decode(), "cam-0001")


@given(st.integers(0, len(REQUEST) - 1), st.characters(codec="utf-8"))
def test_a_damaged_request_is_refused_or_still_the_same(position, character):
    damaged = REQUEST[:position] + character + REQUEST[position + 1 :]
    with suppress(InvalidError):
        assert read_request(damaged, "cam-0001") == read_request(REQUEST, "cam-0001")


@pytest.mark.parametrize("text", ["", "junk", "\ud800", "x" * 20_000, "\x00"])
def test_what_is_no_request_is_refused(text):
    with pytest.raises(InvalidError, match="csr: expected"):
        read_request(text, "cam-0001")


def test_a_certificate_does_not_outlive_its_authority(tmp_path):
    authority = make_device_authority(tmp_path, lifetime=timedelta(days=100 * 365))
    end = authority.anchors.device[0].not_valid_after_utc
    assert made(authority).not_valid_after_utc == end


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("device-ca.pem", b"junk", "certificates in PEM"),
        ("device-ca.pem", None, "cannot be read"),
        ("device-ca.key", b"junk", "unencrypted private key"),
        ("device-ca.key", None, "cannot be read"),
        ("device-ca.key", key_pem(new_key()), "the key of the device authority"),
        ("factory.pem", b"", "certificates in PEM"),
        ("factory.pem", REQUEST.encode(), "certificates in PEM"),
    ],
)
def test_files_that_are_not_an_authority_s_are_refused_by_name(tmp_path, name, content, sentence):
    make_device_authority(tmp_path)
    (tmp_path / "factory.pem").write_bytes(Factory.new().issued.certificate)
    path = tmp_path / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence) as refused:
        DeviceAuthority.load(
            tmp_path / "device-ca.pem",
            tmp_path / "device-ca.key",
            factories=[tmp_path / "factory.pem"],
            now=NOW,
        )
    assert name in str(refused.value)


def test_a_device_s_certificate_is_no_authority(tmp_path, authority):
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(Identity.new("cam-0001").certificate(authority).pem)
    with pytest.raises(ConfigError, match="CA:TRUE"):
        DeviceAuthority.load(leaf, tmp_path / "device-ca.key", now=NOW)


def test_an_expired_authority_signs_no_more(tmp_path):
    make_device_authority(tmp_path)
    files = (tmp_path / "device-ca.pem", tmp_path / "device-ca.key")
    with pytest.raises(ConfigError, match="expired"):
        DeviceAuthority.load(*files, now=NOW + timedelta(days=26 * 365))


def test_an_authority_that_was_replaced_is_still_believed(tmp_path):
    old_folder = tmp_path / "old"
    old_folder.mkdir()
    old = make_device_authority(old_folder)
    device = der(Identity.new("cam-0001").certificate(old).pem)
    make_device_authority(tmp_path)
    both = tmp_path / "device-ca.pem"
    both.write_bytes(both.read_bytes() + (old_folder / "device-ca.pem").read_bytes())
    new = DeviceAuthority.load(both, tmp_path / "device-ca.key", now=NOW)
    assert not new.anchors.verify(device, NOW).from_factory
    assert new.anchors.device[0] != old.anchors.device[0]


def test_anchors_tell_a_factory_s_certificate_from_a_device_s(tmp_path):
    factory = Factory.new()
    authority = make_device_authority(tmp_path, factories=[factory])
    device = Identity.new("cam-0001")
    own, made_there = der(device.certificate(authority).pem), factory.make(device.key, "cam-0001")
    assert not authority.anchors.verify(own, NOW).from_factory
    assert authority.anchors.verify(made_there, NOW).from_factory
    assert authority.anchors.verify(own, NOW).key_sha256 == device.key_sha256


@pytest.mark.parametrize("days", [-2, 3651])
def test_a_certificate_is_believed_while_it_is_valid(days):
    factory = Factory.new()
    certificate = factory.make(new_key(), "cam-0001", days=3000)
    anchors = Anchors((), [factory.certificate])
    anchors.verify(certificate, NOW)
    with pytest.raises(UnauthenticatedError, match="valid now"):
        anchors.verify(certificate, NOW + timedelta(days=days))


def test_a_certificate_s_issuer_must_be_valid_too():
    factory = Factory.new()
    certificate = factory.make(new_key(), "cam-0001", days=20_000)
    with pytest.raises(UnauthenticatedError, match="valid now"):
        Anchors((), [factory.certificate]).verify(certificate, NOW + timedelta(days=3660))


@pytest.mark.parametrize(
    "made_as",
    [
        {"usage": ExtendedKeyUsageOID.SERVER_AUTH},
        {"ca": True},
        {"ca": True, "usage": None},
    ],
)
def test_a_certificate_for_something_else_is_not_believed(made_as):
    factory = Factory.new()
    with pytest.raises(UnauthenticatedError, match="for clients"):
        Anchors((), [factory.certificate]).verify(factory.make(new_key(), "cam-0001", **made_as), NOW)


def test_a_namesake_of_an_authority_is_not_believed():
    one, namesake = Factory.new(), Factory.new()
    with pytest.raises(UnauthenticatedError):
        Anchors((), [one.certificate]).verify(namesake.make(new_key(), "cam-0001"), NOW)
