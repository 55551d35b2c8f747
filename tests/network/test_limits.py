"""Limits on bytes a second and on bytes a day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hostile_server import answers, hostile_server, http
from hypothesis import given
from hypothesis import strategies as st

from ota_client import ConfigError, DeviceConfig, OtaClient, open_ports
from ota_client.cli.output import status_text
from ota_client.disk.record import Record
from ota_client.errors import QuotaError, StateCorruptError
from ota_client.fetch import HttpFetcher
from ota_client.network.daily_limit import DailyLimit, Traffic, read_traffic
from ota_client.network.rate_limit import RateLimit
from ota_client.network.settings import HttpSettings
from ota_client.testing import SimulatedStorage
from ota_client.testing.simulator import SimulatedDeviceFolder, settings_text

DATA = bytes(range(256)) * 4096
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LIMIT = 1_000_000


class Time:
    """A clock that stands still unless somebody waits, an uptime beside it, and a restart."""

    def __init__(self):
        self.now, self.uptime_s = NOON, 100.0

    def pass_by(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.uptime_s += seconds

    def monotonic(self):
        return self.uptime_s


@pytest.fixture
def time():
    return Time()


def limit_on(storage, time, limit_bytes=LIMIT):
    record = Record(storage, "/state/traffic")
    return DailyLimit(limit_bytes, record, clock=lambda: time.now, uptime=time.monotonic)


def used(storage):
    return read_traffic(Record(storage, "/state/traffic")).used_bytes


def spend_all(limit):
    limit.took(LIMIT)
    limit.settle()
    with pytest.raises(QuotaError):
        limit.check(1)


# a second


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 3)), min_size=1, max_size=60))
def test_no_while_brings_more_than_the_rate_and_a_second_of_burst(reads):
    time = Time()
    limit = RateLimit(1000, clock=time.monotonic, sleep=time.pass_by)
    began_s, got = time.monotonic(), 0
    for size, idle_s in reads:
        time.pass_by(idle_s)
        got += size
        limit.took(size)
        assert got <= 1000 * (time.monotonic() - began_s) + 1000 + 1e-3


def test_a_limited_download_is_slow_by_our_will_and_no_slow_server(time):
    """A limit below the minimum rate: only waiting for the wire counts against the server (A16)."""
    settings = HttpSettings(insecure_http=True, rate_limit_bytes_s=2000, minimum_rate_bytes_s=5000)
    part = f"Content-Range: bytes 0-{len(DATA) - 1}/{len(DATA)}"
    with (
        hostile_server(answers(http(DATA, part, status="206 P"))) as server,
        HttpFetcher(settings, clock=time.monotonic, sleep=time.pass_by) as fetcher,
        fetcher.open_range(server.url + "/a", start=0, stop=len(DATA)) as body,
    ):
        assert body.read(len(DATA)) == DATA
    passed_s = (time.now - NOON).total_seconds()
    assert passed_s == pytest.approx(len(DATA) / 2000, rel=0.01)


# a day


def test_a_payload_ends_for_the_day_and_metadata_does_not(time):
    storage = SimulatedStorage({})
    part = f"Content-Range: bytes 0-{len(DATA) - 1}/{len(DATA)}"
    payload, small = http(DATA, part, status="206 P"), http(b"metadata")
    settings = HttpSettings(insecure_http=True)
    with (
        hostile_server(lambda c, head: c.sendall(payload if "Range" in head else small)) as server,
        HttpFetcher(settings, daily_limit=limit_on(storage, time, 300_000)) as fetcher,
    ):
        with fetcher.open_range(server.url + "/a", start=0, stop=len(DATA)) as body:
            body.read(200_000)
            body.read(150_000)  # what was begun is finished
            with pytest.raises(QuotaError, match="goes on on 2026-11-23T00:00:00Z; metadata is still"):
                body.read(1)
        with (
            pytest.raises(QuotaError),
            fetcher.open_range(server.url + "/a", start=350_000, stop=len(DATA)),
        ):
            pass
        assert len(server.requests) == 1
        assert fetcher.get(server.url + "/timestamp.json", max_bytes=99) == b"metadata"
        time.pass_by(DAY.total_seconds())
        with fetcher.open_range(server.url + "/a", start=0, stop=len(DATA)) as body:
            assert body.read(1000) == DATA[:1000]


def test_a_server_without_ranges_may_not_spend_each_days_allowance_on_what_is_here_already(time):
    settings = HttpSettings(insecure_http=True)
    storage = SimulatedStorage({})
    with (
        hostile_server(answers(http(DATA))) as server,
        HttpFetcher(settings, daily_limit=limit_on(storage, time, 300_000)) as fetcher,
        pytest.raises(QuotaError, match="expected 400001 bytes or more to be left of 300000"),
        fetcher.open_range(server.url + "/a", start=400_000, stop=500_000),
    ):
        pass
    assert used(storage) < 300_000


def test_the_count_outlives_restarts_and_a_cut_gives_no_byte_twice(time):
    storage = SimulatedStorage({})
    limit = limit_on(storage, time)
    for _ in range(10):
        limit.took(10_000)
        assert used(storage) >= 100_000 - 90_000
        # the power goes off: the record is ahead of the count, by a step
        after = limit_on(SimulatedStorage(storage.files()), time)
        with pytest.raises(QuotaError):
            after.check(LIMIT - 10_000 + 1)
    limit.settle()
    assert used(storage) == 100_000
    limit_on(storage, time).check(LIMIT - 100_000)


def test_few_writes_count_many_bytes(time):
    storage = SimulatedStorage({})
    limit = limit_on(storage, time, 64_000_000)
    for _ in range(6400):
        limit.took(10_000)
    assert len(storage.operations) < 64 * 6


def test_a_clock_set_back_opens_no_new_allowance(time):
    storage = SimulatedStorage({})
    limit = limit_on(storage, time)
    spend_all(limit)
    for days in (1, 2, 300, 1):
        time.now = NOON - days * DAY
        with pytest.raises(QuotaError, match="s more of running, as the clock was set back"):
            limit.check(1)
        time.now = NOON
        with pytest.raises(QuotaError, match="goes on on 2026-11-23"):
            limit_on(storage, time).check(1)


def test_a_date_in_the_far_future_locks_nobody_up(time):
    storage = SimulatedStorage({})
    time.now = datetime(2099, 1, 1, tzinfo=UTC)
    spend_all(limit_on(storage, time))
    time.now = NOON
    waited_h = 0
    while True:
        limit = limit_on(storage, time)
        try:
            limit.check(1)
            break
        except QuotaError:
            limit.took(1)
            limit.settle()
            time.pass_by(3600)
            waited_h += 1
            if waited_h % 5 == 0:
                time.uptime_s = 0  # a restart
    assert 24 <= waited_h <= 30
    limit.took(LIMIT)
    limit.settle()
    # from then on the clock's day is believed again
    time.now += DAY
    limit_on(storage, time).check(LIMIT)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100_000),
            st.one_of(st.none(), st.integers(-3, 0)),
            st.booleans(),
        ),
        max_size=80,
    )
)
def test_whatever_the_clock_does_backwards_it_opens_at_most_two_allowances_a_day_of_running(moves):
    storage, time = SimulatedStorage({}), Time()
    opened, ran_s = 0, 0.0
    for seconds, set_back_days, restart in moves:
        time.pass_by(seconds)
        ran_s += seconds
        if set_back_days is not None:
            time.now += set_back_days * DAY
        if restart:
            time.uptime_s = 0
        limit = limit_on(storage, time)
        try:
            limit.check(LIMIT)
        except QuotaError:
            limit.took(1)
        else:
            opened += 1
            limit.took(1)
        limit.settle()
    assert opened <= 2 * (ran_s / 86_400) + 2


@given(
    st.builds(
        Traffic,
        st.dates(),
        st.integers(0, 2**40),
        st.integers(0, 2**40),
        st.integers(0, 2**40),
    )
)
def test_the_record_is_read_as_it_was_written(traffic):
    assert Traffic.from_bytes(traffic.to_bytes()) == traffic


@given(st.binary(max_size=200))
def test_random_bytes_are_a_corrupt_record_and_nothing_worse(data):
    with pytest.raises(StateCorruptError):
        Traffic.from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"day":"2026-1-1","elapsed_s":0,"format":"ratchet-traffic/1","uptime_s":0,"used_bytes":0}',
        b'{"day":"20260101","elapsed_s":0,"format":"ratchet-traffic/1","uptime_s":0,"used_bytes":0}',
        b'{"day":"2026-01-01","elapsed_s":0,"format":"ratchet-traffic/2","uptime_s":0,"used_bytes":0}',
        b'{"day":"2026-01-01","elapsed_s":0,"format":"ratchet-traffic/1","uptime_s":0,"used_bytes":-1}',
        b'{"day":"2026-01-01","elapsed_s":0,"format":"ratchet-traffic/1","uptime_s":0}',
    ],
)
def test_a_record_of_nonsense_is_corrupt_and_names_itself(data):
    with pytest.raises(StateCorruptError, match="traffic"):
        Traffic.from_bytes(data)


def test_a_device_counts_and_its_status_says_how_much(tmp_path):
    text = settings("insecure_http = true\ndaily_limit_bytes = 1000000")
    config = DeviceConfig.parse(text, folder=tmp_path)
    device = SimulatedDeviceFolder(tmp_path)
    device.create(text, slot_bytes=4096, factory={})
    (tmp_path / "ota-client.toml").write_text(text)
    client = OtaClient(config, ports := open_ports(config))
    assert client.status().to_fields()["traffic"] == {
        "day": None,
        "used_bytes": 0,
        "limit_bytes": 1000000,
    }
    with hostile_server(answers(http(b"x" * 1000))) as server:
        ports.fetcher().get(server.url + "/timestamp.json", max_bytes=1000)
    # another process
    traffic = OtaClient(config, open_ports(config)).status().traffic
    assert 1000 < traffic.used_bytes < 1200
    assert traffic.day is not None
    assert f"fetched         {traffic.used_bytes} of 1000000 bytes a day" in status_text(client.status())


def test_settings_name_what_is_wrong():
    for line in ("rate_limit_bytes_s = 10", "daily_limit_bytes = 0", "attempts = 0", "attempts = 101"):
        with pytest.raises(ConfigError, match=line.split(" ", maxsplit=1)[0]):
            DeviceConfig.parse(settings(line), folder=Path("/etc"))
    text = settings("rate_limit_bytes_s = 5000\ndaily_limit_bytes = 10000000\nattempts = 9")
    found = DeviceConfig.parse(text, folder=Path("/etc")).http
    assert (found.rate_limit_bytes_s, found.daily_limit_bytes, found.attempts) == (5000, 10_000_000, 9)


def settings(network):
    return settings_text(
        product="gateway",
        hardware_id="gw",
        channel="stable",
        urls=("https://updates.example/",),
        version="1.0.0",
        rollback_index=1,
        images=("rootfs",),
        network=network,
    )
