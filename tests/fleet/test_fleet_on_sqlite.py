"""One server process on SQLite, killed, and with a full disk: nothing acknowledged is lost."""

import sqlite3
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import delete
from support.fleet_audit import audit
from support.server_fleet import ServerFleet
from support.small_disk import fill, needs_mount, relieve, small_disk

from ota_server.database.schema import device_events, devices, rollout_devices

pytestmark = pytest.mark.system

WAVES = ("10%", "40%", "rest")
PACE = {"time_factor": 200.0, "network_fault_share": 0.02}
DISK_BYTES = 24 * 1024 * 1024
DONE = {"finished", "halted"}


@contextmanager
def rolling_out(server):
    """80 devices in the middle of a rollout; its id, and the devices."""
    server.release("1.1.0", 2)
    server.group()
    server.start()
    with server.devices(80, failure_share=0.03, **PACE) as living:
        living.wait_until_enrolled()
        yield server.roll_out("1.1.0", waves=WAVES, most=20), living


def assert_all_is_there(server, living):
    found = audit(server.database, living.fleet)
    assert (found.lost, found.counted_twice, found.wrong_counters) == (0, 0, ())
    assert found.enrolments == 80
    assert found.reports >= 3 * 80


def test_a_server_killed_in_the_middle_of_a_rollout_goes_on_where_it_was():
    with ServerFleet() as server:
        with rolling_out(server) as (rollout, living):
            for wave in (1, 2, 3):
                server.wait_for(rollout, lambda row, wave=wave: row.wave >= wave)
                server.kill(0)
                server.start_one(0)
            row = server.wait_for(rollout, lambda row: row.state in DONE)
        assert row.state == "finished"
        assert_all_is_there(server, living)
        lose_one_of_each(server)
        found = audit(server.database, living.fleet)
        assert found.lost_enrolments == 1
        assert found.lost_claims > 0
        assert found.lost_reports > 0


def lose_one_of_each(server):
    """What the audit must notice, or its zero means nothing."""
    with server.database.begin() as connection:
        connection.execute(delete(devices).where(devices.c.pk == 1))
        for table in (device_events, rollout_devices):
            connection.execute(delete(table).where(table.c.device_pk == 2))


def empty_log(disk):
    """SQLite would write into it again, and need no page of the disk."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(disk / "fleet.db", timeout=5)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@needs_mount
def test_a_disk_that_is_full_in_the_middle_of_a_rollout_loses_nothing():
    with small_disk(DISK_BYTES) as disk, ServerFleet(url=f"sqlite:///{disk}/fleet.db") as server:
        with rolling_out(server) as (rollout, living):
            server.wait_for(rollout, lambda row: row.wave >= 2)
            empty_log(disk)
            fill(disk)
            living.wait_until_refused(20)
            relieve(disk)
            row = server.wait_for(rollout, lambda row: row.state in DONE)
        assert row.state == "finished"
        assert_all_is_there(server, living)
