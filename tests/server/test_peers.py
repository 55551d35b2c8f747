"""Where a client certificate is taken from: ProxyPeers and NativePeers, request by request."""

import logging
import ssl
from datetime import timedelta
from urllib.parse import quote

import pytest
from support.identities import NOW, Factory, Identity, der, make_device_authority

from ota_server.web.peer import (
    ADDRESS_HEADER,
    CERTIFICATE_HEADER,
    EXTENSION,
    NativePeers,
    NoPeers,
    Peer,
    ProxyPeers,
)

PROXY = 33


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_device_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority):
    return der(Identity.new("cam-0001").certificate(authority).pem)


@pytest.fixture
def proxy(authority):
    return ProxyPeers(authority.anchors, lambda: NOW, uid=PROXY)


def escaped(certificate):
    """As nginx writes ``$ssl_client_escaped_cert``."""
    return quote(ssl.DER_cert_to_PEM_cert(certificate), safe="").encode()


def scope(*headers, peer=None, client=("192.0.2.7", 1)):
    extensions = {} if peer is None else {"extensions": {EXTENSION: peer}}
    return {"type": "http", "headers": list(headers), "client": client, **extensions}


def test_the_proxy_s_header_is_believed_on_the_proxy_s_socket(proxy, certificate):
    request = scope((CERTIFICATE_HEADER, escaped(certificate)), peer=Peer(uid=PROXY), client=None)
    assert proxy.certificate_der(request) == certificate


@pytest.mark.parametrize("peer", [None, Peer(), Peer(uid=0), Peer(uid=PROXY + 1)])
def test_the_same_header_from_anybody_else_is_not(proxy, certificate, peer, caplog):
    with caplog.at_level(logging.WARNING):
        assert (
            proxy.certificate_der(scope((CERTIFICATE_HEADER, escaped(certificate)), peer=peer)) is None
        )
    assert "did not come from the proxy" in caplog.text


def test_a_header_that_is_there_twice_is_not_believed(proxy, certificate):
    twice = [(CERTIFICATE_HEADER, escaped(certificate))] * 2
    assert proxy.certificate_der(scope(*twice, peer=Peer(uid=PROXY))) is None


def test_a_request_without_the_header_is_nobody_s(proxy):
    assert proxy.certificate_der(scope(peer=Peer(uid=PROXY))) is None


@pytest.mark.parametrize(
    "value", [b"", b"junk", b"\xff\xfe", b"%ff", b"-----BEGIN%20CERTIFICATE-----", b"%00" * 100]
)
def test_a_header_that_cannot_be_read_is_nobody_s(proxy, value):
    assert proxy.certificate_der(scope((CERTIFICATE_HEADER, value), peer=Peer(uid=PROXY))) is None


def test_a_certificate_of_a_foreign_authority_is_not_believed_though_the_proxy_says_so(proxy):
    """A proxy whose settings verify nothing (``optional_no_ca``) lets nobody in."""
    identity = Identity.new("cam-0001")
    foreign = Factory.new().make(identity.key, "cam-0001")
    request = scope((CERTIFICATE_HEADER, escaped(foreign)), peer=Peer(uid=PROXY))
    assert proxy.certificate_der(request) is None


def test_an_expired_certificate_is_not_believed_though_the_proxy_says_so(authority, certificate):
    late = ProxyPeers(authority.anchors, lambda: NOW + timedelta(days=366), uid=PROXY)
    request = scope((CERTIFICATE_HEADER, escaped(certificate)), peer=Peer(uid=PROXY))
    assert late.certificate_der(request) is None


def test_the_proxy_does_not_vouch_by_its_own_certificate(proxy, certificate):
    assert proxy.certificate_der(scope(peer=Peer(certificate, PROXY))) is None


def test_native_peers_look_at_no_header(authority, certificate):
    native = NativePeers(authority.anchors, lambda: NOW)
    forged = (CERTIFICATE_HEADER, escaped(certificate))
    assert native.certificate_der(scope(forged)) is None
    assert native.certificate_der(scope(forged, peer=Peer(uid=PROXY))) is None
    assert native.certificate_der(scope(peer=Peer(certificate))) == certificate


def test_no_peers_believe_nothing(certificate):
    request = scope((CERTIFICATE_HEADER, escaped(certificate)), peer=Peer(certificate, PROXY))
    assert NoPeers().certificate_der(request) is None


def test_something_else_in_the_scope_is_no_peer(authority, certificate):
    request = scope(peer={"certificate_der": certificate})
    assert NativePeers(authority.anchors, lambda: NOW).certificate_der(request) is None


def test_the_address_is_the_proxy_s_word_on_its_socket_and_the_connection_s_elsewhere(proxy, authority):
    said = (ADDRESS_HEADER, b"203.0.113.9")
    assert proxy.address(scope(said, peer=Peer(uid=PROXY), client=None)) == "203.0.113.9"
    assert proxy.address(scope(said, peer=Peer(uid=0), client=None)) == "-"
    assert proxy.address(scope(said)) == "192.0.2.7"
    assert NativePeers(authority.anchors, lambda: NOW).address(scope(said)) == "192.0.2.7"
    assert NoPeers().address(scope(said)) == "192.0.2.7"
