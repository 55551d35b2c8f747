import socket
import ssl
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from ota_client.errors import ConfigError
from ota_server.authority import Issued, hosts_of, new_authority, new_server_certificate

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def handshake(server, context):
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        return connection.version(), connection.cipher()[0]


@pytest.mark.system
def test_the_newest_version_is_spoken(tls_server, trust):
    assert handshake(tls_server, trust)[0] == "TLSv1.3"


@pytest.mark.system
def test_tls_1_2_is_spoken_with_forward_secrecy(tls_server, trust):
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    version, cipher = handshake(tls_server, trust)
    assert version == "TLSv1.2"
    assert cipher.startswith("ECDHE-")
    assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.mark.system
def test_a_weak_cipher_is_refused(tls_server, trust):
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    trust.set_ciphers("ECDHE-ECDSA-AES128-SHA256:AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        handshake(tls_server, trust)


@pytest.mark.system
def test_older_versions_are_refused(tls_server, trust):
    trust.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        trust.minimum_version = trust.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        handshake(tls_server, trust)


@pytest.mark.system
def test_plain_http_on_the_tls_port_gets_no_answer(tls_server):
    with socket.create_connection(("127.0.0.1", tls_server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in connection.recv(1000)


def test_the_certificates_are_what_verifiers_expect():
    authority = new_authority(NOW)
    root = x509.load_pem_x509_certificate(authority.certificate)
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert root.not_valid_after_utc - NOW == timedelta(days=3652)
    issued = new_server_certificate(authority, ("updates.example.com", "192.0.2.7", "::1"), NOW)
    leaf = x509.load_pem_x509_certificate(issued.certificate)
    leaf.verify_directly_issued_by(root)
    assert leaf.not_valid_after_utc - NOW == timedelta(days=397)
    assert hosts_of(issued.certificate) == ("updates.example.com", "192.0.2.7", "::1")
    verifier = (
        x509.verification.PolicyBuilder()
        .store(x509.verification.Store([root]))
        .time(NOW + timedelta(days=1))
        .build_server_verifier(x509.DNSName("updates.example.com"))
    )
    assert len(verifier.verify(leaf, [])) == 2


def test_an_authority_whose_files_do_not_belong_together_is_refused():
    one, other = new_authority(NOW), new_authority(NOW)
    server = new_server_certificate(one, ("a.example",), NOW)
    for mixed in (
        Issued(one.certificate, other.key),
        Issued(b"junk", one.key),
        Issued(one.certificate, b"junk"),
        Issued(server.certificate, server.key),
    ):
        with pytest.raises(ConfigError):
            new_server_certificate(mixed, ("a.example",), NOW)


@pytest.mark.parametrize(
    "hosts", [(), ("",), ("-a",), ("a b",), ("a..b",), ("*.example",), ("a" * 64,), ("é",)]
)
def test_what_is_no_host_is_refused(hosts):
    with pytest.raises(ConfigError, match="host"):
        new_server_certificate(new_authority(NOW), hosts, NOW)
