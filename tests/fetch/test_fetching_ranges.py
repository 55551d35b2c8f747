import socket
import struct

import pytest
from hostile_server import answers, hostile_server, http
from hypothesis import given
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


def asked_for(head):
    line = next(line for line in head.split("\r\n") if line.startswith("Range: bytes="))
    first, last = map(int, line.removeprefix("Range: bytes=").split("-"))
    return first, last


@pytest.fixture(scope="module")
def honest():
    def script(connection, head):
        first, last = asked_for(head)
        connection.sendall(part(first, last + 1))

    with hostile_server(script) as server, HttpFetcher(HttpSettings(insecure_http=True)) as fetcher:
        yield server, fetcher


@given(data=st.data())
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
    with (
        hostile_server(answers(http(DATA), close=False)) as server,
        fetcher.open_range(server.url + "/a", start=1000, stop=1010) as body,
    ):
        assert body.read(10) == DATA[1000:1010]
    assert len(caplog.records) == 1
    assert (
        f"ignores Range requests: it sends the whole file, {len(DATA)} bytes, for the 10" in caplog.text
    )


def test_a_server_without_ranges_is_asked_once_for_all_ranges_that_lie_ahead(fetcher, caplog):
    with hostile_server(answers(http(DATA), close=False)) as server:
        for start, stop in [(5, 10), (10, 300_000), (900_000, len(DATA)), (3, 5)]:
            with fetcher.open_range(server.url + "/a", start=start, stop=stop) as body:
                assert body.read(stop - start) == DATA[start:stop]
    # the last one lies behind: only that costs the file again, and says so
    assert len(server.requests) == len(caplog.records) == 2


def test_an_answer_that_is_kept_is_dropped_for_another_file_and_after_an_error(fetcher):
    with hostile_server(answers(http(DATA), close=False)) as server:
        with fetcher.open_range(server.url + "/a", start=0, stop=10) as body:
            body.read(10)
        with fetcher.open_range(server.url + "/b", start=10, stop=20) as body:
            assert body.read(10) == DATA[10:20]
            with pytest.raises(FetchError, match="only 0 left"):
                body.read(1)
        with pytest.raises(ZeroDivisionError), fetcher.open_range(server.url + "/b", start=20, stop=30):
            raise ZeroDivisionError
        with fetcher.open_range(server.url + "/b", start=30, stop=40) as body:
            assert body.read(10) == DATA[30:40]
    assert len(server.requests) == 3


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


def test_a_reset_in_mid_stream_costs_a_request_for_the_rest(fetcher):
    def script(connection, head):
        first, last = asked_for(head)
        connection.sendall(part(first, last + 1)[:300_000])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with (
        hostile_server(script) as server,
        fetcher.open_range(server.url + "/a", start=0, stop=1_000_000) as body,
    ):
        assert body.read(1_000_000) == DATA[:1_000_000]
    starts = [asked_for(head)[0] for head in server.requests]
    assert starts == sorted(starts)
    # the first cut costs the frame under way, and no other cut does
    assert len(set(starts)) >= len(starts) - 1


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5), (-1, 5)])
def test_an_empty_range_is_a_mistake_of_the_caller(fetcher, start, stop):
    with (
        pytest.raises(ValueError, match="start < stop"),
        fetcher.open_range("http://127.0.0.1:9/", start=start, stop=stop),
    ):
        pass
