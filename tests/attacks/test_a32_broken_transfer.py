"""A32: truncated body, aborted connection, wrong Content-Length, gzip where none was asked."""

import gzip
import socket
import struct

import pytest
from hostile_server import answers, hostile_server, http

from ota_client.errors import FetchError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def fetcher(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HttpFetcher(HttpSettings(insecure_http=True, timeout_s=10), sleep=lambda _: None) as one:
        yield one


def reset_after(data):
    def script(connection, _head):
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return script


@pytest.mark.parametrize(
    "script",
    [
        answers(http(b"x" * 50, length=100)),
        answers(CHUNKED + b"64\r\n" + b"x" * 50),
        answers(CHUNKED + b"32\r\n" + b"x" * 50 + b"\r\n"),
        reset_after(http(b"x" * 50, length=100)),
        reset_after(b"HTTP/1.1 200 OK\r\n"),
        reset_after(b""),
    ],
    ids=["short", "short chunk", "no last chunk", "reset in the body", "reset in the head", "reset"],
)
def test_what_is_cut_short_is_a_fetch_error_and_never_a_short_file(fetcher, script):
    with hostile_server(script) as server, pytest.raises(FetchError, match=r"broke off|no answer"):
        fetcher.get(server.url + "/timestamp.json", max_bytes=16384)


def test_a_content_length_that_is_too_small_ends_the_body_there(fetcher):
    """The rest must not become the head of the next answer."""
    with hostile_server(answers(http(b"x" * 50, length=10), close=False)) as server:
        for _ in range(3):
            assert fetcher.get(server.url + "/a", max_bytes=16384) == b"x" * 10


@pytest.mark.parametrize("encoding", ["gzip", "GZip", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_body_is_refused_unread(fetcher, encoding):
    body = gzip.compress(b"x" * 10_000)
    with (
        hostile_server(answers(http(body, f"Content-Encoding: {encoding}"))) as server,
        pytest.raises(FetchError, match="expected no Content-Encoding"),
    ):
        fetcher.get(server.url + "/timestamp.json", max_bytes=16384)


def test_a_truncated_payload_that_never_goes_on_is_a_fetch_error(fetcher):
    def script(connection, head):
        whole = "Range: bytes=0-99" in head
        data, start = (b"x" * 50, 0) if whole else (b"", 50)
        part = f"Content-Range: bytes {start}-99/100"
        connection.sendall(http(data, part, status="206 P", length=100 - start))
        connection.shutdown(socket.SHUT_WR)

    with (
        hostile_server(script) as server,
        fetcher.open_range(server.url + "/system.data", start=0, stop=100) as body,
    ):
        assert body.read(40) == b"x" * 40
        with pytest.raises(FetchError, match=r"broke off.*gave up after 4 attempts.*got 50 of 100"):
            body.read(60)


def test_a_payload_without_length_that_ends_early_is_a_fetch_error(fetcher):
    answer = b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-99/100\r\n\r\n" + b"x" * 50
    with (
        hostile_server(answers(answer)) as server,
        fetcher.open_range(server.url + "/system.data", start=0, stop=100) as body,
        pytest.raises(FetchError, match="expected 50 more bytes, got the end"),
    ):
        body.read(100)
