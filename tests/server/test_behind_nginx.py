"""B14 and B03 with Debian's nginx in front, by the example of integration/nginx."""

import ssl
from contextlib import suppress
from datetime import timedelta
from urllib.parse import quote

import pytest
from support.identities import Factory, Identity, der
from support.nginx import UID, needs_nginx, nginx, socket_folder
from support.tls_client import ask, connected, whoami
from support.tls_house import NOW, House
from support.whoami_server import whoami_server

from ota_server.web.peer import ProxyPeers

pytestmark = [pytest.mark.system, needs_nginx]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def believing(house, uid=UID):
    """Believes the proxy that runs as this account."""
    return ProxyPeers(house.authority.anchors, lambda: NOW, uid=uid)


@pytest.fixture(scope="module")
def house():
    with socket_folder() as folder:
        yield House(folder)


@pytest.fixture(scope="module")
def proxy(house):
    path = house.folder / "http.sock"
    with whoami_server(believing(house), unix_socket=path), nginx(house, path) as address:
        yield address


@pytest.fixture
def other_socket(house, tmp_path):
    folder = house.folder / tmp_path.name[-20:]
    folder.mkdir()
    return folder / "http.sock"


def forged(identity, certificate):
    """Every header that some proxy or server takes a certificate from."""
    escaped = quote(ssl.DER_cert_to_PEM_cert(certificate), safe="")
    lines = [
        f"{name}: {escaped}"
        for name in (
            "X-Client-Certificate",
            "x-client-certificate",
            "X_Client_Certificate",
            "X-Client-Certificate ",
            "X-SSL-Cert",
            "Client-Cert",
        )
    ]
    lines += [
        "X-Real-IP: 203.0.113.9",
        "X-Forwarded-For: 203.0.113.9",
        f"X-Device-Id: {identity.device_id}",
    ]
    return lines


@pytest.mark.parametrize("version", VERSIONS)
def test_a_device_is_known_by_the_key_of_its_handshake_with_nginx(house, proxy, version):
    identity, file = house.enrolled()
    answer, _, _ = whoami(proxy, house.client(file, version))
    assert answer == {"key": identity.key_sha256, "address": "127.0.0.1"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_is_the_device_that_made_it(house, proxy, version):
    identity, file = house.enrolled()
    context = house.client(file, version)
    _, session, _ = whoami(proxy, context)
    answer, _, reused = whoami(proxy, context, session=session)
    assert reused
    assert answer["key"] == identity.key_sha256


def test_without_a_certificate_a_client_is_nobody(house, proxy):
    assert whoami(proxy, house.client())[0] == {"key": None, "address": "127.0.0.1"}


def test_b14_forged_headers_are_overwritten_by_nginx(house, proxy):
    victim, attacker = Identity.new("cam-victim"), house.enrolled("cam-attacker")
    lines = forged(victim, der(victim.certificate(house.authority, NOW).pem))
    for line in lines:
        header = line.encode() + b"\r\n"
        for context, key in (
            (house.client(), None),
            (house.client(attacker[1]), attacker[0].key_sha256),
        ):
            with connected(proxy, context) as connection:
                status, answer = ask(connection, header)
            if " :" in line:
                assert status == 400
            else:
                assert answer == {"key": key, "address": "127.0.0.1"}, line


def test_b14_all_forged_headers_at_once_change_nothing(house, proxy):
    victim = Identity.new("cam-victim")
    lines = forged(victim, der(victim.certificate(house.authority, NOW).pem))
    header = "".join(f"{line}\r\n" for line in lines if " :" not in line).encode()
    assert whoami(proxy, house.client(), header)[0] == {"key": None, "address": "127.0.0.1"}


def test_b14_a_request_hidden_in_another_s_body_does_not_reach_the_server_as_the_proxy_s(house, proxy):
    """The connection to the server is shared by clients: a second request in it would be believed."""
    victim = Identity.new("cam-victim")
    (line, *_) = forged(victim, der(victim.certificate(house.authority, NOW).pem))
    hidden = f"GET / HTTP/1.1\r\nhost: x\r\n{line}\r\n\r\n".encode()
    framings = [
        b"content-length: %d\r\ntransfer-encoding: chunked\r\n" % len(hidden),
        b"content-length: 0\r\ncontent-length: %d\r\n" % len(hidden),
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding : chunked\r\n",
        b"content-length: +0\r\n",
    ]
    for framing in framings:
        with connected(proxy, house.client()) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n0\r\n\r\n" + hidden)
            connection.settimeout(0.3)
            answered = b""
            with suppress(TimeoutError):
                while data := connection.recv(65536):
                    answered += data
        assert victim.key_sha256.encode() not in answered, framing
    # nobody who comes after gets its answer
    for _ in range(20):
        assert whoami(proxy, house.client())[0]["key"] is None


def test_b14_nginx_under_another_account_is_not_the_proxy(house, other_socket):
    with (
        whoami_server(believing(house, UID + 1), unix_socket=other_socket),
        nginx(house, other_socket) as address,
    ):
        answer, _, _ = whoami(address, house.client(house.enrolled()[1]))
    assert answer == {"key": None, "address": "-"}


def test_b14_nginx_that_was_told_to_verify_nothing_lets_no_foreign_certificate_in(house, other_socket):
    _, file = house.made_by(Factory.new(NOW, "Elsewhere"), "cam-foreign")
    lax = (r"ssl_verify_client optional", "ssl_verify_client optional_no_ca")
    with (
        whoami_server(believing(house), unix_socket=other_socket),
        nginx(house, other_socket, lax) as address,
    ):
        assert whoami(address, house.client(file))[0]["key"] is None


def test_a_factory_s_certificate_passes(house, proxy):
    identity, file = house.made_by(house.factory, "cam-factory")
    assert whoami(proxy, house.client(file))[0]["key"] == identity.key_sha256


@pytest.mark.parametrize("kind", ["foreign", "expired"])
def test_nginx_answers_400_to_a_certificate_that_does_not_verify(house, proxy, kind):
    if kind == "foreign":
        _, file = house.made_by(Factory.new(NOW), "cam-foreign")
    else:
        _, file = house.enrolled("cam-expired", NOW - timedelta(days=400))
    with connected(proxy, house.client(file)) as connection:
        status, body = ask(connection)
    assert status == 400
    assert b"SSL certificate error" in body
