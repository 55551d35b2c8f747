"""B14: forged client-certificate headers; past nginx: tests/server/test_behind_nginx.py."""

import http.client
import os
import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from support.identities import Identity, der, make_device_authority
from support.whoami_server import whoami_server

from ota_server.web.peer import NativePeers, NoPeers, ProxyPeers

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_device_authority(tmp_path_factory.mktemp("authority"), now=NOW)


@pytest.fixture(scope="module")
def victim(authority):
    """A known device; its certificate is no secret, its key is."""
    identity = Identity.new("cam-victim")
    return identity, der(identity.certificate(authority, NOW).pem)


def forged(certificate):
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    return {
        "X-Client-Certificate": quote(pem, safe=""),
        "X-SSL-Client-Cert": quote(pem, safe=""),
        "Client-Cert": ":" + pem.replace("\n", "")[27:-25] + ":",
        "X-Forwarded-Client-Cert": f'Cert="{quote(pem, safe="")}"',
        "X-Forwarded-Tls-Client-Cert": quote(pem, safe=""),
        "X-Forwarded-For": "203.0.113.9",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9;proto=https",
        "X-Forwarded-Proto": "https",
    }


def ask(address, headers):
    connection = http.client.HTTPConnection("localhost")
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    connection.sock = socket.socket(family)
    connection.sock.connect(address)
    try:
        connection.request("GET", "/", headers=headers)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def sources(authority):
    clock = datetime.now(UTC)
    return {
        "native": NativePeers(authority.anchors, lambda: clock),
        "proxy": ProxyPeers(authority.anchors, lambda: clock, uid=os.geteuid()),
        "none": NoPeers(),
    }


@pytest.mark.parametrize("kind", ["native", "proxy", "none"])
def test_b14_no_header_on_a_tcp_connection_makes_somebody_of_nobody(authority, victim, kind):
    with whoami_server(sources(authority)[kind]) as server:
        assert ask(server.address, forged(victim[1])) == '{"key": null, "address": "127.0.0.1"}'


@pytest.mark.parametrize("kind", ["native", "none"])
def test_b14_no_header_on_a_unix_socket_counts_unless_a_proxy_is_configured(
    authority, victim, kind, tmp_path
):
    with whoami_server(sources(authority)[kind], unix_socket=tmp_path / "s") as server:
        assert ask(server.address, forged(victim[1])) == '{"key": null, "address": "-"}'


def test_b14_another_account_of_the_machine_is_not_the_proxy(authority, victim, tmp_path):
    """The kernel says who is at the other end (SO_PEERCRED); no client can."""
    identity, certificate = victim
    peers = ProxyPeers(authority.anchors, lambda: NOW, uid=os.geteuid() + 1)
    with whoami_server(peers, unix_socket=tmp_path / "s") as server:
        assert ask(server.address, forged(certificate)) == '{"key": null, "address": "-"}'
    with whoami_server(sources(authority)["proxy"], unix_socket=tmp_path / "t") as server:
        believed = ask(server.address, forged(certificate))
    assert believed == f'{{"key": "{identity.key_sha256}", "address": "203.0.113.9"}}'
