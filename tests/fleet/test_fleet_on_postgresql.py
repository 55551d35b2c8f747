"""Two server processes on PostgreSQL, and what a kill of either leaves: nothing acknowledged is lost."""

import pytest
from support.fleet_audit import Monitor, audit
from support.postgresql import needs_postgresql, postgresql
from support.server_fleet import ServerFleet
from support.small_disk import fill, needs_mount, relieve, small_disk

pytestmark = [pytest.mark.system, needs_postgresql]

# by number: a share of few devices can be nobody
WAVES = ("3", "7", "20", "30", "rest")
DISK_BYTES = 64 * 1024 * 1024
DEVICES, AT_ONCE = 200, 20
PACE = {"time_factor": 200.0, "network_fault_share": 0.02}
DONE = {"finished", "halted"}


@pytest.fixture
def cluster():
    with postgresql() as one:
        yield one


def make(url):
    server = ServerFleet(url=url, processes=2)
    server.release("1.1.0", 2)
    server.group()
    server.start()
    return server


def assert_nothing_lost(found):
    assert found.lost == 0, found
    assert found.counted_twice == 0
    assert found.wrong_counters == ()


def test_a_server_process_killed_in_the_middle_of_a_rollout_costs_nothing(cluster):
    with make(cluster.database()) as server, Monitor(server.database) as monitor:
        with server.devices(DEVICES, failure_share=0.03, **PACE) as living:
            living.wait_until_enrolled()
            rollout = server.roll_out("1.1.0", waves=WAVES, most=AT_ONCE)
            server.wait_for(rollout, lambda row: row.wave >= 3)
            server.kill(1)
            server.wait_for(rollout, lambda row: row.wave >= 4)
            server.start_one(1)
            row = server.wait_for(rollout, lambda row: row.state in DONE)
        waves, found = server.waves(rollout), audit(server.database, living.fleet)
    assert row.state == "finished"
    assert sum(wave.members for wave in waves) == DEVICES == found.enrolments
    assert monitor.over == []
    assert monitor.looks > 20
    assert 0 < living.summary.tally.most_updating <= AT_ONCE
    assert living.summary.tally.answers["check-in", 0] > 0
    assert found.reports >= 3 * DEVICES
    assert_nothing_lost(found)


def test_a_bad_release_halts_in_its_first_wave_whichever_process_hears_of_it(cluster):
    with make(cluster.database()) as server, Monitor(server.database) as monitor:
        with server.devices(100, fall_back_share=1.0, **PACE) as living:
            living.wait_until_enrolled()
            rollout = server.roll_out("1.1.0", waves=("40%", "rest"), least=10, most=8)
            row = server.wait_for(rollout, lambda row: row.state in DONE and not row.in_flight)
        (first, second), found = server.waves(rollout), audit(server.database, living.fleet)
    assert row.state == "halted"
    # those that were updating when it halted may still answer
    assert 10 <= first.fell_back <= 10 + 8
    assert second.opened_at is None
    assert monitor.over == []
    assert_nothing_lost(found)


def assert_a_rollout_survives(cluster, trouble):
    """100 devices; ``trouble`` gets the living ones, in the second and again in the fourth wave."""
    with make(cluster.database()) as server, Monitor(server.database) as monitor:
        with server.devices(100, failure_share=0.03, **PACE) as living:
            living.wait_until_enrolled()
            rollout = server.roll_out("1.1.0", waves=WAVES, most=AT_ONCE)
            for wave in (2, 4):
                server.wait_for(rollout, lambda row, wave=wave: row.wave >= wave)
                trouble(living)
            row = server.wait_for(rollout, lambda row: row.state in DONE)
        found = audit(server.database, living.fleet)
    assert row.state == "finished"
    assert monitor.over == []
    assert_nothing_lost(found)


def test_postgresql_itself_killed_loses_nothing_that_was_acknowledged():
    with postgresql(fsync=True) as cluster:

        def kill(_living):
            cluster.kill()
            cluster.start()

        assert_a_rollout_survives(cluster, kill)


@needs_mount
def test_postgresql_on_a_full_disk_loses_nothing_that_was_acknowledged():
    with small_disk(DISK_BYTES) as disk, postgresql(fsync=True, disk=disk) as cluster:

        def fill_up(living):
            fill(disk)
            # check-ins that change nothing need no page; reports do, and few devices report
            living.wait_until_refused(3)
            relieve(disk)
            cluster.start_again()

        assert_a_rollout_survives(cluster, fill_up)
