"""The simulated devices' HTTP, before servers that behave and servers that do not."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from support.identities import Factory, Identity, key_pem

from ota_client.errors import ConfigError
from ota_server.authority import new_server_certificate
from ota_server.simulate.wire import LostError, SocketWire, TlsWire

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"


@asynccontextmanager
async def answering(path, answer, requests):
    async def serve(reader, writer):
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield


def asked(tmp_path, answer, *, certificate=""):
    requests, path = [], tmp_path / "proxy.sock"

    async def ask():
        wire = SocketWire([path])
        stranger = wire.stranger("100.64.0.1")
        known = wire.identity("100.64.0.1", certificate, b"")
        async with answering(path, answer, requests):
            connection = await wire.connect(known if certificate else stranger)
            try:
                return await connection.ask("POST", "/device/v1/check-in", {"a": 1})
            finally:
                connection.close()

    return asyncio.run(ask()), requests[0]


def test_json_comes_back_with_its_status(tmp_path):
    answer, request = asked(tmp_path, b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"b":1}')
    assert (answer.status, answer.body) == (200, {"b": 1})
    assert request.startswith("POST /device/v1/check-in HTTP/1.1\r\n")
    assert "x-real-ip: 100.64.0.1" in request
    assert "x-client-certificate" not in request


def test_an_empty_answer_has_no_body(tmp_path):
    answer, _ = asked(tmp_path, b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (answer.status, answer.body) == (204, None)


def test_the_server_says_when_to_try_again(tmp_path):
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}"
    answer, _ = asked(tmp_path, head)
    assert answer.retry_after_s == 7


def test_the_proxy_shows_the_devices_own_certificate_and_not_the_authoritys(tmp_path):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    _, request = asked(tmp_path, answer, certificate=CERTIFICATE * 2)
    shown = next(line for line in request.splitlines() if line.startswith("x-client-certificate: "))
    assert unquote(shown.partition(" ")[2]) == CERTIFICATE


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_what_is_no_whole_answer_is_lost(tmp_path, answer):
    with pytest.raises(LostError):
        asked(tmp_path, answer)


def test_where_nobody_listens_there_is_no_connection(tmp_path):
    wire = SocketWire([tmp_path / "nobody.sock"])
    with pytest.raises(LostError, match="no connection"):
        asyncio.run(wire.connect(wire.stranger("-")))


@pytest.mark.parametrize(
    "url", ["http://localhost", "https://", "https://x:port", "https://x/path", "x"]
)
def test_only_an_https_address_is_taken(url):
    with pytest.raises(ConfigError, match="--url"):
        TlsWire([url], None)


def test_authorities_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="--ca-file"):
        TlsWire(["https://localhost"], "no certificate")


def test_a_device_shows_its_own_certificate_in_the_handshake(tmp_path):
    factory, device = Factory.new(datetime.now(UTC)), Identity.new("sim-1")
    tls = new_server_certificate(factory.issued, ("localhost",), datetime.now(UTC))
    (tmp_path / "server.pem").write_bytes(tls.certificate + tls.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(cadata=factory.issued.certificate.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    shown = []

    async def serve(reader, writer):
        shown.append(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async def ask():
        async with await asyncio.start_server(serve, "localhost", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            wire = TlsWire([f"https://localhost:{port}"], factory.issued.certificate.decode())
            for identity in (wire.stranger("-"), wire.identity("-", pem, key_pem(device.key))):
                connection = await wire.connect(identity)
                assert (await connection.ask("GET", "/")).status == 204
                connection.close()

    certificate = factory.make(device.key, "sim-1", now=datetime.now(UTC))
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    asyncio.run(ask())
    assert shown == [None, certificate]
