"""A15, A16, A32 and C04 over a real connection, at each kind of file: the device does not move.

The fetcher's own tests try each attack in more forms; these see that nothing above it undoes that.
"""

import threading
from contextlib import contextmanager

import pytest
from hostile_server import Drip, answers, hostile_server, http, repository_except
from support.attacks import nothing_activated, refused, unmoved
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import (
    ConnectionLostError,
    FetchError,
    PayloadError,
    RedirectRefusedError,
    ResponseTooLongError,
    SlowRetrievalError,
)
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings

METADATA = ["timestamp.json", ".snapshot.json", ".targets.json", ".gateway.json", "2.root.json"]
SETTINGS = HttpSettings(insecure_http=True, timeout_s=10)


def endless(connection, _head):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


def attacks():
    drip = Drip(0.5)
    slow = drip.after(b"HTTP/1.1 200 OK\r\nX-Header: ")
    cut = answers(http(b"{", length=20))
    gzip = answers(http(b"\x1f\x8b", "Content-Encoding: gzip"))
    elsewhere = answers(http(b"", "Location: https://evil.example/x", status="302 Found"))
    return [
        pytest.param(endless, ResponseTooLongError, None, id="A15"),
        pytest.param(slow, SlowRetrievalError, drip, id="A16"),
        pytest.param(cut, ConnectionLostError, None, id="A32 cut short"),
        pytest.param(gzip, FetchError, None, id="A32 compressed"),
        pytest.param(elsewhere, RedirectRefusedError, None, id="C04"),
    ]


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A device that has looked at 1.1.0 on an honest host, which then turns hostile for one file."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))

    @contextmanager
    def set_up(ending, attack, drip=None):
        armed = threading.Event()

        def turncoat(connection, head):
            script = repository_except(repository.files, ending, attack) if armed.is_set() else honest
            script(connection, head)

        honest = repository_except(repository.files, "\0", attack)
        clock = {"clock": drip.clock} if drip else {}
        with (
            hostile_server(turncoat) as server,
            HttpFetcher(SETTINGS, sleep=lambda _: None, **clock) as fetcher,
        ):
            network = "insecure_http = true"
            urls = (server.url + "/",)
            device = make_device(tmp_path, repository, fetcher=fetcher, urls=urls, network=network)
            device.client.check()
            armed.set()
            yield repository, device

    return set_up


@pytest.mark.walk(9)
@pytest.mark.parametrize("ending", METADATA)
@pytest.mark.parametrize(("attack", "error", "drip"), attacks())
def test_metadata_from_a_hostile_host_does_not_move_the_device(stage, ending, attack, error, drip):
    with stage(ending, attack, drip) as (repository, device):
        repository.put(Release("1.2.0", rollback_index=2))
        with unmoved(device), refused(error):
            device.client.install()


@pytest.mark.walk(4)
@pytest.mark.parametrize("ending", [".stable.json", ".index"])
@pytest.mark.parametrize(("attack", "error", "drip"), attacks())
def test_a_release_from_a_hostile_host_does_not_move_the_device(stage, ending, attack, error, drip):
    with stage(ending, attack, drip) as (_, device):
        (device.client._cache_dir / "offered.manifest").unlink()
        with unmoved(device), refused(error):
            device.client.install()


@pytest.mark.parametrize(("attack", "error", "drip"), attacks()[1:])
def test_a_payload_from_a_hostile_host_is_not_activated(stage, attack, error, drip):
    with (
        stage(".data", attack, drip) as (_, device),
        nothing_activated(device),
        refused(error),
    ):
        device.client.install()


def test_an_endless_payload_is_read_to_its_signed_end_only(stage):
    """A15 for the payload: the region's hash refuses what the range let in."""
    with (
        stage(".data", endless) as (_, device),
        nothing_activated(device),
        refused(PayloadError),
    ):
        device.client.install()
