import ssl
import warnings

import pytest
import trustme
from hostile_server import answers, hostile_server, http

from ota_client.errors import ConfigError, FetchError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings

HELLO = answers(http(b"hello"), close=False)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="module")
def ca_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server_context(authority, *names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    return context


def get(server, **settings):
    with HttpFetcher(HttpSettings(timeout_s=10, **settings)) as fetcher:
        return fetcher.get(server.url + "/a", max_bytes=9)


def test_a_server_of_the_pinned_authority_is_taken(authority, ca_file):
    with hostile_server(HELLO, server_context(authority)) as server:
        assert get(server, ca_file=ca_file) == b"hello"


def test_an_unknown_authority_is_refused(authority):
    with (
        hostile_server(HELLO, server_context(authority)) as server,
        pytest.raises(FetchError, match="certificate refused: unable to get local issuer"),
    ):
        get(server)
    assert server.requests == []


def test_another_name_is_refused(authority, ca_file):
    with (
        hostile_server(HELLO, server_context(authority, "elsewhere.example")) as server,
        pytest.raises(FetchError, match="certificate refused: IP address mismatch"),
    ):
        get(server, ca_file=ca_file)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_pinned_authority_is_not_widened_by_the_environment(
    authority, ca_file, tmp_path, monkeypatch, variable
):
    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv(variable, str(tmp_path / "other.pem"))
    with (
        hostile_server(HELLO, server_context(other)) as server,
        pytest.raises(FetchError, match="certificate refused"),
    ):
        get(server, ca_file=ca_file)


def test_a_pinned_authority_is_the_only_one(ca_file):
    with HttpFetcher(HttpSettings(ca_file=ca_file)) as fetcher:
        adapter = fetcher._session.get_adapter("https://x/")
        assert len(adapter._context.get_ca_certs()) == 1
        assert adapter.poolmanager.connection_pool_kw["ssl_context"] is adapter._context


def test_tls_below_1_2_is_refused(authority, ca_file):
    context = server_context(authority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with hostile_server(HELLO, context) as server, pytest.raises(FetchError, match=r"TLS: .*version"):
        get(server, ca_file=ca_file)


def test_a_client_certificate_is_shown(authority, ca_file, tmp_path):
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    identity = authority.issue_cert("device-7.example")
    identity.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    identity.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    identity.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    names = []

    def script(connection, _head):
        names.append(connection.getpeercert()["subjectAltName"])
        connection.sendall(http(b"hello"))

    with hostile_server(script, context) as server:
        files = {"client_certificate": tmp_path / "cert.pem", "client_key": tmp_path / "key.pem"}
        assert get(server, ca_file=ca_file, **files) == b"hello"
        assert get(server, ca_file=ca_file, client_certificate=tmp_path / "both.pem") == b"hello"
        with pytest.raises(FetchError):
            get(server, ca_file=ca_file)
    assert names == [(("DNS", "device-7.example"),)] * 2


def test_files_that_cannot_be_used_are_config_errors_that_name_them(tmp_path, authority, ca_file):
    missing, junk = tmp_path / "missing.pem", tmp_path / "junk.pem"
    junk.write_text("junk")
    certificate = tmp_path / "cert.pem"
    authority.issue_cert("x.example").cert_chain_pems[0].write_to_path(str(certificate))
    for settings, message in [
        ({"ca_file": missing}, "missing.pem: .*No such file"),
        ({"ca_file": junk}, "junk.pem: expected certificates"),
        ({"client_certificate": missing}, "missing.pem .*No such file"),
        ({"client_certificate": certificate}, "unencrypted key"),
        ({"client_certificate": certificate, "client_key": junk}, "junk.pem: expected a certificate"),
    ]:
        with pytest.raises(ConfigError, match=message):
            HttpFetcher(HttpSettings(**settings))
    with pytest.raises(ConfigError, match="client_certificate"):
        HttpSettings(client_key=junk)


def test_an_encrypted_key_is_refused_and_nobody_is_asked(tmp_path, authority):
    from cryptography.hazmat.primitives import serialization as s

    identity = authority.issue_cert("x.example")
    key = s.load_pem_private_key(identity.private_key_pem.bytes(), None)
    encryption = s.BestAvailableEncryption(b"sesame")
    pem = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, encryption)
    (tmp_path / "both.pem").write_bytes(pem + identity.cert_chain_pems[0].bytes())
    with pytest.raises(ConfigError, match="unencrypted key"):
        HttpFetcher(HttpSettings(client_certificate=tmp_path / "both.pem"))
