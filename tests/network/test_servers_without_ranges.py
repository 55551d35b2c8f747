"""A host that answers every Range request with the whole file."""

import random
import re
from dataclasses import replace

import pytest
from hostile_server import hostile_server, http, repository_except
from support.memory_repository import REGION_BYTES, MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import ConnectionLostError

IMAGE = random.Random(5).randbytes(12 * REGION_BYTES)


@pytest.fixture
def repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2, images=(("rootfs", IMAGE),)))
    return repository


def without_ranges(files, *, cut_after=None):
    """Answers with whole files; payloads end after so many bytes, the first time."""
    cuts = [cut_after] if cut_after else []

    def whole(connection, head):
        data = files[head.split(" ")[1].removeprefix("/")]
        end = cuts.pop() if cuts else len(data)
        connection.sendall(http(data[:end], length=len(data)))
        if end < len(data):
            connection.close()

    return repository_except(files, ".data", whole)


def device_on(server, fetcher, folder, repository):
    urls, network = (server.url + "/",), "insecure_http = true"
    return make_device(folder, repository, fetcher=fetcher, urls=urls, network=network)


def payloads(server):
    return [head for head in server.requests if ".data " in head]


def test_an_update_from_nothing_costs_no_more_than_from_any_server(
    repository, fetcher, tmp_path, caplog
):
    with hostile_server(without_ranges(repository.files)) as server:
        assert device_on(server, fetcher, tmp_path, repository).client.install().installed
        assert len(payloads(server)) == 1
    assert caplog.text.count("ignores Range") == 1


def test_a_slot_with_many_gaps_is_filled_from_one_answer(repository, fetcher, tmp_path, caplog):
    with hostile_server(repository_except(repository.files, "\0", None)) as server:
        device = device_on(server, fetcher, tmp_path, repository)
        assert device.client.install().installed
    path = device.config.slots["B"]["rootfs"]
    for region in (1, 4, 5, 9):
        device.storage._now[path][region * REGION_BYTES] ^= 1
    state = device.state.load()
    half = replace(state.slots["B"], complete=False)
    device.state.save(replace(state, trial=None).with_slot("B", half))
    with hostile_server(without_ranges(repository.files)) as server:
        again = device_on(server, fetcher, tmp_path, repository)
        again.storage._now = device.storage._now
        assert again.client.install().installed
        (head,) = payloads(server)
    assert re.search(r"Range: bytes=4096-8191\b", head)
    (warning,) = [r.getMessage() for r in caplog.records if "ignores Range" in r.getMessage()]
    assert f"it sends the whole file, {len(IMAGE)} bytes, for the {REGION_BYTES}" in warning


def test_a_cut_costs_the_whole_file_again_and_says_so_and_what_was_got_is_not_lost(
    repository, fetcher, tmp_path, caplog
):
    with hostile_server(without_ranges(repository.files, cut_after=30_000)) as server:
        assert device_on(server, fetcher, tmp_path, repository).client.install().installed
        assert len(payloads(server)) == 2
    assert caplog.text.count("costs all of it again") == 2


def test_a_server_that_always_cuts_before_anything_new_comes_is_given_up(
    repository, fetcher, pauses, tmp_path
):
    def whole(connection, head):
        data = repository.files[head.split(" ")[1].removeprefix("/")]
        connection.sendall(http(data[:20_000], length=len(data)))
        connection.close()

    with hostile_server(repository_except(repository.files, ".data", whole)) as server:
        device = device_on(server, fetcher, tmp_path, repository)
        with pytest.raises(
            ConnectionLostError, match=r"4 attempts without progress; got 20000 of 49152"
        ):
            device.client.install()
        assert len(payloads(server)) == 4
    assert len(pauses) == 3
