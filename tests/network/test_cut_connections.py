"""A32: connections break at every byte: of one range, of a check's metadata, of whole installations."""

import random
import socket
from contextlib import suppress

import pytest
from hostile_server import hostile_server, repository_except
from support.bad_network import Cut, Ending, Wire, bad_network
from support.memory_repository import REGION_BYTES, MemoryRepository, Release
from support.simulated import make_device

from ota_client.errors import ConnectionLostError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings
from ota_client.testing import SimulatedDevice, SimulatedStorage

IMAGE = random.Random(7).randbytes(15 * REGION_BYTES)
BREAKS = [Ending.CLOSE, Ending.RESET]
# what a request for a range costs besides the range
HEAD_BYTES = 200
IMPATIENT = HttpSettings(insecure_http=True, timeout_s=0.3)


@pytest.fixture(scope="module")
def repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2, images=(("rootfs", IMAGE),)))
    return repository


@pytest.fixture(scope="module")
def server(repository):
    with hostile_server(repository_except(repository.files, "\0", None)) as server:
        yield server


@pytest.fixture(scope="module")
def payload(repository):
    (path,) = (path for path in repository.files if path.endswith(".data"))
    return path, repository.files[path]


def device_on(network, fetcher, folder, repository):
    return make_device(
        folder,
        repository,
        fetcher=fetcher,
        urls=(network.url + "/",),
        network="insecure_http = true",
    )


def completes(device):
    assert device.boot() == "B"
    assert str(device.client.mark_good().running) == "1.1.0"


@pytest.mark.walk(1)
@pytest.mark.parametrize("ending", BREAKS)
def test_a_range_cut_at_any_byte_goes_on_and_costs_a_request_and_a_piece_at_most(
    fetcher, server, payload, pauses, ending
):
    path, data = payload
    data = data[:3000]
    for offset in range(0, len(data) + HEAD_BYTES, 41):
        with bad_network(server.port, [Cut(offset, ending)]) as network:
            with fetcher.open_range(f"{network.url}/{path}", start=0, stop=len(data)) as body:
                assert b"".join(body.read(1000) for _ in range(3)) == data
            assert network.connections <= 2
            assert network.sent_bytes <= len(data) + 2 * HEAD_BYTES + 1000


def test_a_range_cut_again_and_again_gets_nothing_twice(fetcher, server, payload, pauses):
    path, data = payload
    seed = random.Random(3)
    cuts = [Cut(HEAD_BYTES + seed.randrange(1, 3000), seed.choice(BREAKS)) for _ in range(12)]
    with (
        bad_network(server.port, cuts, wire=Wire(slice_bytes=500)) as network,
        fetcher.open_range(f"{network.url}/{path}", start=0, stop=len(data)) as body,
    ):
        assert b"".join(body.read(4096) for _ in range(len(data) // 4096)) == data
    assert network.cuts == 12
    assert network.sent_bytes <= len(data) + 13 * HEAD_BYTES + 4096
    # each cut followed progress, so no wait grew
    assert max(pauses) <= 2


@pytest.mark.walk(6)
@pytest.mark.parametrize("after", range(0, 6000, 250))
def test_a_check_cut_at_any_byte_of_the_metadata_is_completed_on_a_new_connection(
    fetcher, server, repository, tmp_path, pauses, after
):
    ending = BREAKS[after // 250 % 2]
    with (
        bad_network(server.port, [Cut(after, ending)]) as network,
    ):
        device = device_on(network, fetcher, tmp_path, repository)
        assert str(device.client.check().offered.version) == "1.1.0"
        assert len(pauses) == network.cuts == (network.connections > 1)


@pytest.mark.walk(2)
@pytest.mark.parametrize("seed", range(6))
def test_one_installation_survives_every_connection_being_cut(
    fetcher, server, repository, payload, tmp_path, pauses, seed
):
    chance = random.Random(seed)
    cuts = [Cut(chance.randrange(1500, 9000), chance.choice(BREAKS)) for _ in range(40)]
    with bad_network(server.port, cuts) as network:
        device = device_on(network, fetcher, tmp_path, repository)
        device.client.check()
        before, cut_before = network.sent_bytes, network.cuts
        assert device.client.install().installed
        cut = network.cuts - cut_before
        # the refresh before it, and the index, which is small and is fetched whole again
        small = 6000 + 3 * 4000
        assert network.sent_bytes - before <= len(payload[1]) + cut * HEAD_BYTES + small + REGION_BYTES
        assert cut > 5
    completes(device)


@pytest.mark.walk(1)
@pytest.mark.parametrize("seed", range(3))
def test_a_download_goes_on_after_a_restart_and_gets_no_region_twice(
    server, repository, payload, tmp_path, pauses, seed
):
    """The power goes off at each cut: what is in the slot is hashed, and only the rest is fetched."""
    chance, restarts, fetched = random.Random(seed), 0, 0
    once = HttpSettings(insecure_http=True, timeout_s=10, attempts=1)
    with bad_network(server.port) as network:
        device = device_on(network, None, tmp_path, repository)
    while not device.state.load().trial:
        cut = Cut(5000 + chance.randrange(REGION_BYTES, 4 * REGION_BYTES), Ending.CLOSE)
        address = ("127.0.0.1", network.port)
        with (
            bad_network(server.port, [cut], address=address) as line,
            HttpFetcher(once, sleep=pauses) as fetcher,
        ):
            device = restarted(device, fetcher)
            with suppress(ConnectionLostError):
                device.client.install()
            restarts += 1
            fetched += line.sent_bytes
        assert restarts < 30
    assert restarts > 3
    # each restart may lose the frame under way, and asks for metadata and index again
    assert fetched <= len(payload[1]) + restarts * (REGION_BYTES + 5000)
    completes(device)


def restarted(device, fetcher):
    storage = SimulatedStorage(device.storage.files())
    again = SimulatedDevice(device.config, storage, fetcher=fetcher, clock=device._clock)
    again.boot()
    return again


@pytest.mark.system  # waits for it
def test_a_network_that_stays_silent_is_given_up_and_the_next_installation_resumes(
    server, repository, payload, tmp_path, pauses
):
    holes = [Cut(30_000, Ending.HOLE), *[Cut(0, Ending.HOLE)] * 3]
    with bad_network(server.port, holes) as network, HttpFetcher(IMPATIENT, sleep=pauses) as fetcher:
        device = device_on(network, fetcher, tmp_path, repository)
        with pytest.raises(
            ConnectionLostError,
            match=r"data: no answer: timed out; gave up after 4 attempts without progress; got \d{5} of "
            r"\d{5} bytes; what is written stays",
        ):
            device.client.install()
        assert not device.boot_control.status().slots["B"].bootable
        before = network.sent_bytes
        assert device.client.install().installed
        assert network.sent_bytes - before <= len(payload[1]) - 30_000 + 6000 + REGION_BYTES
    # it waited longer each time, and never without an end
    assert [pause <= 2.0 * 2**n for n, pause in enumerate(pauses)] == [True] * 3
    completes(device)


def test_a_host_that_moved_to_another_address_is_looked_up_again(
    fetcher, server, payload, pauses, monkeypatch
):
    path, data = payload
    lookup, asked = socket.getaddrinfo, []
    with (
        bad_network(server.port, [Cut(20_000)]) as first,
        bad_network(server.port, address=("127.0.0.2", first.port)) as second,
    ):

        def moving(host, *rest, **more):
            if host == "updates.test":
                host = "127.0.0.2" if asked else "127.0.0.1"
                asked.append(host)
            return lookup(host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", moving)
        with (
            fetcher.open_range(
                f"http://updates.test:{first.port}/{path}", start=0, stop=len(data)
            ) as body,
        ):
            assert body.read(len(data)) == data
    assert (first.connections, second.connections) == (1, 1)
    assert asked == ["127.0.0.1", "127.0.0.2"]


def test_a_slow_line_in_small_slices_is_only_slow(fetcher, server, payload, pauses):
    path, data = payload
    wire = Wire(slice_bytes=1000, latency_s=0.01, rate_bytes_s=400_000)
    with (
        bad_network(server.port, wire=wire) as network,
        fetcher.open_range(f"{network.url}/{path}", start=0, stop=len(data)) as body,
    ):
        assert body.read(len(data)) == data
    assert (network.connections, pauses) == (1, [])
