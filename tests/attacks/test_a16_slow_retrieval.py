"""A16: a server that sends a byte every half second, each within the socket's timeout."""

import pytest
from hostile_server import Drip, hostile_server

from ota_client.errors import SlowRetrievalError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings


@pytest.fixture
def drip(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Drip(0.5)


OK = b"HTTP/1.1 200 OK\r\n"
SETTINGS = HttpSettings(insecure_http=True, timeout_s=10)


@pytest.mark.parametrize(
    "head",
    [
        OK + b"Content-Length: 10000\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;extension=",
        OK + b"X-Header: ",
        b"HTTP/1.1 200 ",
    ],
    ids=["body", "chunk", "chunk extension", "header", "status line"],
)
def test_a_drip_is_given_up_after_one_window(drip, head):
    with hostile_server(drip.after(head)) as server, HttpFetcher(SETTINGS, clock=drip.clock) as fetcher:
        with pytest.raises(SlowRetrievalError, match="expected 5000 bytes a second or more over 60 s"):
            fetcher.get(server.url + "/timestamp.json", max_bytes=16384)
        # The clock also ticks between reads, for which the server is not blamed.
        assert drip.clock() < 130


def test_a_dripping_payload_is_given_up(drip):
    head = b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-99999/100000\r\n\r\n"
    with (
        hostile_server(drip.after(head)) as server,
        HttpFetcher(SETTINGS, clock=drip.clock) as fetcher,
        fetcher.open_range(server.url + "/system.data", start=0, stop=100_000) as body,
        pytest.raises(SlowRetrievalError),
    ):
        body.read(100_000)


def test_a_server_just_fast_enough_meets_the_deadline(drip):
    settings = HttpSettings(insecure_http=True, small_file_deadline_s=100)
    head = OK + b"Content-Length: 1000000\r\n\r\n"
    with (
        hostile_server(drip.after(head, b"x" * 2600)) as server,
        HttpFetcher(settings, clock=drip.clock) as fetcher,
        pytest.raises(SlowRetrievalError, match="within 100 s"),
    ):
        fetcher.get(server.url + "/7.targets.json", max_bytes=1_000_000)


def test_time_that_the_device_spends_on_its_flash_is_not_the_servers(drip):
    settings = HttpSettings(insecure_http=True, deadline_s=100, minimum_rate_bytes_s=1000)
    head = b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-99999/100000\r\n\r\n"
    with (
        hostile_server(drip.after(head, b"x" * 5000)) as server,
        HttpFetcher(settings, clock=drip.clock) as fetcher,
        fetcher.open_range(server.url + "/system.data", start=0, stop=100_000) as body,
    ):
        for _ in range(20):
            assert len(body.read(5000)) == 5000
            drip._now_s += 3600
