"""The line to the update server: what is sent, who sees the certificate, which answers are taken."""

import json
import ssl

import pytest
import trustme
from hostile_server import Drip, answers, hostile_server, http

from ota_client.errors import (
    CaptivePortalError,
    ConnectionLostError,
    FetchError,
    HttpStatusError,
    NotAuthorisedError,
    RedirectRefusedError,
    ResponseTooLongError,
    SlowRetrievalError,
)
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings

PATH = "/device/v1/check-in"
PROBLEM = "Content-Type: application/problem+json"


def send(server, fetcher, body=b'{"a":1}'):
    return fetcher.send("POST", server.url + PATH, body, max_bytes=100)


def problem(status, detail, *headers):
    body = json.dumps({"title": "No", "detail": detail}).encode()
    return answers(http(body, PROBLEM, *headers, status=status))


def test_the_body_is_sent_as_json_and_the_answer_taken(fetcher):
    def echo(connection, head):
        length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
        body = connection.recv(length)
        connection.sendall(http(b"got " + body))

    with hostile_server(echo) as server:
        assert send(server, fetcher) == b'got {"a":1}'
        head = server.requests[0]
    assert head.startswith(f"POST {PATH} HTTP/1.1")
    assert "Content-Type: application/json" in head


@pytest.mark.parametrize("status", ["201 Created", "204 No Content"])
def test_other_successes_are_taken(fetcher, status):
    with hostile_server(answers(http(b"", status=status))) as server:
        assert send(server, fetcher) == b""


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_device_that_is_not_known_is_told_so_in_the_servers_words(fetcher, status):
    with (
        hostile_server(problem(status, "revoked\x1b[2J\n" + "x" * 500)) as server,
        pytest.raises(NotAuthorisedError, match="revoked") as caught,
    ):
        send(server, fetcher)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 120", 120),
        ("Retry-After: 99999999", 86_400),
        ("Retry-After: -5", None),
        ("Retry-After: Sun, 22 Nov 2026 08:00:00 GMT", None),
        ("X: y", None),
    ],
)
def test_retry_after_is_taken_in_seconds_up_to_a_day(fetcher, header, seconds):
    with (
        hostile_server(problem("429 Too Many Requests", "slow down", header)) as server,
        pytest.raises(HttpStatusError, match="got status 429: slow down") as caught,
    ):
        send(server, fetcher)
    assert (caught.value.status, caught.value.retry_after_s) == (429, seconds)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[" * 3000, b'{"detail": 5}', b'{"a"', b"[1]", b"x" * 9000, b"\xff"]
)
def test_an_error_without_words_is_an_error_all_the_same(fetcher, body):
    with (
        hostile_server(answers(http(body, PROBLEM, status="500 Oh"))) as server,
        pytest.raises(HttpStatusError, match=r"got status 500$"),
    ):
        send(server, fetcher)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(b"", "Location: /elsewhere", status="307 Temporary Redirect"), RedirectRefusedError),
        (http(b"", "Location: https://evil.example/", status="302 Found"), RedirectRefusedError),
        (http(b"a" * 101), ResponseTooLongError),
        (http(b"<!doctype html><p>log in", "Content-Type: text/html"), CaptivePortalError),
        (http(b"\x1f\x8b", "Content-Encoding: gzip"), FetchError),
        (http(b"{", length=20), ConnectionLostError),
        (b"nonsense\r\n\r\n", FetchError),
    ],
    ids=["redirect", "redirect elsewhere", "too long", "portal", "gzip", "cut short", "no HTTP"],
)
def test_an_answer_that_is_none_is_refused(fetcher, answer, error):
    with hostile_server(answers(answer)) as server, pytest.raises(error):
        send(server, fetcher)


def test_a_server_that_drips_is_given_up():
    drip = Drip(0.5)
    settings = HttpSettings(insecure_http=True, timeout_s=10)
    with (
        hostile_server(drip.after(b"HTTP/1.1 200 OK\r\nX: ")) as server,
        HttpFetcher(settings, clock=drip.clock, sleep=lambda _: None) as fetcher,
        pytest.raises(SlowRetrievalError),
    ):
        send(server, fetcher)


def test_the_certificate_is_shown_to_the_update_server_and_to_no_mirror(tmp_path, monkeypatch):
    """The line has a session of its own."""
    from support.simulated import make_config

    from ota_client import DeviceConfig, open_ports

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("gw-0001")
    identity = tmp_path / "identity-1.pem"
    identity.write_bytes(own.private_key_pem.bytes() + own.cert_chain_pems[0].bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    shown = []

    def look(connection, _head):
        shown.append(connection.getpeercert(binary_form=True))
        connection.sendall(http(b"{}"))

    network = f'ca_file = "{tmp_path / "ca.pem"}"\n'
    config: DeviceConfig = make_config(tmp_path, b"{}", network=network)
    ports = open_ports(config)
    with hostile_server(look, context) as server, hostile_server(look, context) as mirror:
        ports.line(identity, None).send("POST", server.url + PATH, b"{}", max_bytes=9)
        ports.fetcher().get(mirror.url + "/a", max_bytes=9)
    assert shown[0] == ssl.PEM_cert_to_DER_cert(own.cert_chain_pems[0].bytes().decode())
    assert shown[1] is None
