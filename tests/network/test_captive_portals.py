"""A web page in place of the repository's bytes: try again later, and no alarm."""

import threading
from contextlib import contextmanager

import pytest
from hostile_server import answers, hostile_server, http, repository_except
from support.attacks import nothing_activated, refused, unmoved
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import CaptivePortalError, MetadataError

HTML = "Content-Type: text/html; charset=utf-8"
PAGE = b"\n<!DOCTYPE html><html><title>Welcome to the hotel</title></html>"


@pytest.mark.parametrize("page", [PAGE, b"<HTML>", b"\xef\xbb\xbf<?xml version='1.0'?>", PAGE * 9999])
@pytest.mark.parametrize(
    "media_type", [HTML, "content-type: TEXT/HTML", "Content-Type: application/xhtml+xml"]
)
def test_a_page_is_told_from_a_file_however_it_is_asked_for(fetcher, pauses, page, media_type):
    with hostile_server(answers(http(page, media_type), close=False)) as server:
        with pytest.raises(CaptivePortalError, match="got an HTML page; log in to the network or mend"):
            fetcher.get(server.url + "/timestamp.json", max_bytes=16384)
        with (
            pytest.raises(CaptivePortalError),
            fetcher.open_range(server.url + "/x.data", start=100, stop=200),
        ):
            pass
    assert pauses == []


def test_a_network_that_says_that_it_wants_a_login_is_believed(fetcher):
    with hostile_server(answers(http(b"", status="511 Network Authentication Required"))) as server:
        with pytest.raises(CaptivePortalError, match="got status 511"):
            fetcher.get(server.url + "/timestamp.json", max_bytes=99)
        with (
            pytest.raises(CaptivePortalError, match="got status 511"),
            fetcher.open_range(server.url + "/x.data", start=0, stop=9),
        ):
            pass


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"signed": {}}', [HTML]),  # a static host that knows no .json
        (PAGE, ["Content-Type: application/json"]),
        (PAGE, []),
        (b"", [HTML]),
    ],
    ids=["a file said to be a page", "a page said to be a file", "a page said to be nothing", "nothing"],
)
def test_what_is_no_page_by_its_word_and_by_its_bytes_is_left_to_the_verifier(fetcher, body, headers):
    with hostile_server(answers(http(body, *headers))) as server:
        assert fetcher.get(server.url + "/timestamp.json", max_bytes=16384) == body


@contextmanager
def stage(tmp_path, fetcher, ending, attack):
    """A device that has looked at 1.1.0, and 1.2.0 on a host that answers for one file by ``attack``."""
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))
    armed = threading.Event()

    def script(connection, head):
        last = ending if armed.is_set() else "\0"
        repository_except(repository.files, last, attack)(connection, head)

    with hostile_server(script) as server:
        urls, network = (server.url + "/",), "insecure_http = true"
        device = make_device(tmp_path, repository, fetcher=fetcher, urls=urls, network=network)
        device.client.check()
        repository.put(Release("1.2.0", rollback_index=2))
        if ending == ".data":
            device.client.check()
        armed.set()
        yield device, armed


@pytest.mark.walk(2)
@pytest.mark.parametrize("ending", ["timestamp.json", "2.root.json", ".gateway.json", ".data"])
def test_a_device_behind_a_login_page_does_not_move_and_goes_on_after_it(tmp_path, fetcher, ending):
    with stage(tmp_path, fetcher, ending, answers(http(PAGE, HTML))) as (device, armed):
        held = nothing_activated if ending == ".data" else unmoved
        with held(device), refused(CaptivePortalError):
            device.client.install()
        armed.clear()
        assert device.client.install().installed


def test_a_forged_file_is_still_an_alarm(tmp_path, fetcher):
    forged = answers(http(b'{"signed": {}}', HTML))
    with (
        stage(tmp_path, fetcher, "timestamp.json", forged) as (device, _),
        unmoved(device),
        refused(MetadataError),
    ):
        device.client.install()
