"""A15: endless data where signed metadata says how much there is."""

import pytest
from hostile_server import answers, hostile_server, http

from ota_client.errors import FetchError, ResponseTooLongError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings


@pytest.fixture
def fetcher(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HttpFetcher(HttpSettings(insecure_http=True, timeout_s=10)) as one:
        yield one


class Endless:
    """Sends a head, then a piece for ever, and counts what it got rid of."""

    def __init__(self, head, piece):
        self.head, self.piece, self.sent_bytes = head, piece, 0

    def __call__(self, connection, _request):
        connection.sendall(self.head)
        while True:
            connection.sendall(self.piece)
            self.sent_bytes += len(self.piece)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b"x" * 65536 + b"\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"e" * 60000 + b"\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"h" * 60000 + b"\r\n"),
    ],
    ids=["body", "chunks", "chunk extensions", "headers"],
)
def test_an_endless_answer_ends_at_its_limit(fetcher, head, piece):
    endless = Endless(head, piece)
    with hostile_server(endless) as server, pytest.raises(ResponseTooLongError):
        fetcher.get(server.url + "/timestamp.json", max_bytes=16384)
    # What sits in the two sockets' buffers is sent, but read by nobody.
    assert endless.sent_bytes < 16 * 1024 * 1024


def test_an_announced_length_above_the_limit_is_refused_before_a_byte_is_read(fetcher):
    with (
        hostile_server(answers(http(b"", length=16385), close=False)) as server,
        pytest.raises(ResponseTooLongError, match="at most 16384 bytes, got 16385 announced"),
    ):
        fetcher.get(server.url + "/timestamp.json", max_bytes=16384)


def test_a_body_of_exactly_the_limit_is_taken(fetcher):
    with hostile_server(answers(http(b"x" * 16384))) as server:
        assert len(fetcher.get(server.url + "/timestamp.json", max_bytes=16384)) == 16384


def test_an_endless_payload_yields_the_range_and_no_more(fetcher):
    endless = Endless(b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-99999/100000\r\n\r\n", b"x" * 65536)
    with (
        hostile_server(endless) as server,
        fetcher.open_range(server.url + "/system.data", start=0, stop=100_000) as body,
    ):
        assert len(body.read(100_000)) == 100_000
        with pytest.raises(FetchError):
            body.read(1)
    assert endless.sent_bytes < 16 * 1024 * 1024
