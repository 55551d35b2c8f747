import socket
import struct

import pytest
from hostile_server import answers, hostile_server, http
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_client.errors import FetchError, HttpStatusError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings

DATA = bytes(range(256)) * 4096


def part(start, stop, *headers, body=None):
    body = DATA[start:stop] if body is None else body
    return http(
        body,
        f"Content-Range: bytes {start}-{stop - 1}/{len(DATA)}",
        *headers,
        status="206 Partial Content",
    )


@pytest.fixture(scope="module")
def honest():
    def script(connection, head):
        line = next(line for line in head.split("\r\n") if line.startswith("Range: bytes="))
        first, last = map(int, line.removeprefix("Range: bytes=").split("-"))
        connection.sendall(part(first, last + 1))

    with hostile_server(script) as server, HttpFetcher(HttpSettings(insecure_http=True)) as fetcher:
        yield server, fetcher


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_range_read_in_any_pieces_is_the_slice(honest, data):
    server, fetcher = honest
    start = data.draw(st.integers(0, len(DATA) - 1))
    stop = data.draw(st.integers(start + 1, len(DATA)))
    got = b""
    with fetcher.open_range(server.url + "/a", start=start, stop=stop) as body:
        while left := stop - start - len(got):
            size = data.draw(st.integers(max(1, left // 3), left))
            piece = body.read(size)
            assert len(piece) == size
            got += piece
    assert got == DATA[start:stop]


def test_one_range_is_one_request(fetcher):
    with (
        hostile_server(answers(part(10, 20))) as server,
        fetcher.open_range(server.url + "/a", start=10, stop=20) as body,
    ):
        assert body.read(4) + body.read(6) == DATA[10:20]
    assert ["Range: bytes=10-19" in r for r in server.requests] == [True]


def test_a_range_left_unread_closes_its_connection_and_the_next_one_works(fetcher):
    with hostile_server(answers(part(0, 500_000), close=False)) as server:
        for _ in range(2):
            with fetcher.open_range(server.url + "/a", start=0, stop=500_000) as body:
                assert body.read(10) == DATA[:10]


def test_a_server_without_ranges_costs_bytes_and_one_warning(fetcher, caplog):
    with hostile_server(answers(http(DATA), close=False)) as server:
        for _ in range(2):
            with fetcher.open_range(server.url + "/a", start=1000, stop=1010) as body:
                assert body.read(10) == DATA[1000:1010]
    assert len(caplog.records) == 1
    assert "ignores Range" in caplog.text


def test_a_server_without_ranges_and_with_too_little_is_a_fetch_error(fetcher):
    with (
        hostile_server(answers(http(b"short"))) as server,
        pytest.raises(FetchError),
        fetcher.open_range(server.url + "/a", start=1000, stop=1010),
    ):
        pass


@pytest.mark.parametrize(
    "answer",
    [
        http(b"x" * 10, "Content-Range: bytes 0-9/100", status="206 P"),
        http(b"x" * 10, "Content-Range: bytes 10-18/100", status="206 P"),
        http(b"x" * 10, "Content-Range: bytes 10-19", status="206 P"),
        http(b"x" * 10, "Content-Range: bytes */100", status="206 P"),
        http(b"x" * 10, "Content-Type: multipart/byteranges; boundary=x", status="206 P"),
        http(b"x" * 12, "Content-Range: bytes 10-19/100", status="206 P"),
        http(b"x" * 10, "Content-Range: bytes 10-19/100", "Content-Encoding: gzip", status="206 P"),
    ],
)
def test_another_range_than_asked_for_is_a_fetch_error(fetcher, answer):
    with (
        hostile_server(answers(answer)) as server,
        pytest.raises(FetchError, match="expected"),
        fetcher.open_range(server.url + "/a", start=10, stop=20),
    ):
        pass


@pytest.mark.parametrize("status", [404, 416, 500])
def test_an_error_status_says_which(fetcher, status):
    with (
        hostile_server(answers(http(b"no", status=f"{status} X"))) as server,
        pytest.raises(HttpStatusError) as caught,
        fetcher.open_range(server.url + "/a", start=10, stop=20),
    ):
        pass
    assert caught.value.status == status


def test_reading_past_the_range_is_a_fetch_error(fetcher):
    with (
        hostile_server(answers(part(0, 10))) as server,
        fetcher.open_range(server.url + "/a", start=0, stop=10) as body,
    ):
        body.read(8)
        with pytest.raises(FetchError, match="only 2 left"):
            body.read(3)
        assert body.read(2) == DATA[8:10]


def test_a_reset_in_mid_stream_is_a_fetch_error(fetcher):
    def script(connection, _head):
        connection.sendall(part(0, 1_000_000)[:300_000])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with (
        hostile_server(script) as server,
        fetcher.open_range(server.url + "/a", start=0, stop=1_000_000) as body,
        pytest.raises(FetchError, match="broke off"),
    ):
        body.read(1_000_000)


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5), (-1, 5)])
def test_an_empty_range_is_a_mistake_of_the_caller(fetcher, start, stop):
    with (
        pytest.raises(ValueError, match="start < stop"),
        fetcher.open_range("http://127.0.0.1:9/", start=start, stop=stop),
    ):
        pass
