"""Ten thousand simulated devices through five waves, over two server processes on PostgreSQL.

A process is killed in the middle; a second rollout goes badly, and halts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from support.fleet_audit import Monitor, audit
from support.postgresql import PostgreSql, postgresql
from support.server_fleet import ServerFleet

from bench.figure import Figure

_BENCH: Final = "fleet-rollout"
_WAVES: Final = ("1%", "5%", "20%", "50%", "rest")
_WAVES_OF_FEW: Final = ("10%", "20%", "40%", "60%", "rest")
_FEW: Final = 1000
# one device in so many may update at a time
_AT_ONCE: Final = 20
_FAILURES: Final = 0.03
# far from the share that fails: a first wave of a few devices has bad luck more often than one thinks
_HALT: Final = "30%"
_LEAST: Final = 20
_KILLED_IN_WAVE: Final = 4
_DEADLINE_S: Final = 3600
# a look counts all devices of the rollout; it must not be what is measured
_LOOK_S: Final = 0.1
_DONE: Final = {"finished", "halted"}
_MS: Final = 1000
_DEVICES: Final = 10_000
_QUICK_DEVICES: Final = 200


def measure(folder: Path, *, quick: bool) -> list[Figure]:  # noqa: ARG001 - a socket needs a short path
    """Measure a rollout that goes well, and one that does not; ``quick`` takes few devices."""
    devices = _QUICK_DEVICES if quick else _DEVICES
    pace = {"time_factor": 200.0 if quick else 10.0, "network_fault_share": 0.01}
    return [*_going_well(devices, pace), *_going_badly(max(devices // 10, _QUICK_DEVICES), pace)]


def _going_well(devices: int, pace: dict[str, float]) -> Iterator[Figure]:
    """3 % fail, a server process is killed in the middle and started again; all others are updated."""
    limit, waves = devices // _AT_ONCE, _WAVES if devices > _FEW else _WAVES_OF_FEW
    with _server() as (cluster, server):
        living = server.devices(devices, duration_s=_DEADLINE_S, failure_share=_FAILURES, **pace)
        with Monitor(server.database, every_s=_LOOK_S) as monitor, living as devices_alive:
            devices_alive.wait_until_enrolled(_DEADLINE_S)
            # who cannot install says so at once, who can says so after its start: failures answer first
            least = max(_LEAST, devices // 100)
            rollout = server.roll_out(
                "1.1.0", waves=waves, halt=_HALT, least=least, most=limit, retries=0
            )
            _wait(server, rollout, lambda row: row.wave >= _KILLED_IN_WAVE)
            server.kill(1)
            server.start_one(1)
            row = _wait(server, rollout, lambda row: row.state in _DONE)
        counts, found = server.waves(rollout), audit(server.database, devices_alive.fleet)
        server_s, database_s = server.cpu_s(), cluster.cpu_s()
    tally = devices_alive.summary.tally
    yield _figure("rollouts that did not finish", int(row.state != "finished"), "rollouts", 1, most=0)
    yield _figure("devices that run the release", sum(wave.succeeded for wave in counts), "all", devices)
    yield _figure("updating at once, by the database", monitor.most, "limit", limit, most=limit)
    yield _figure("the same, as devices saw it", tally.most_updating, "limit", limit, most=limit)
    yield _figure(
        "looks that found it over the limit", len(monitor.over), "looks", monitor.looks, most=0
    )
    promised = found.enrolments + found.claims + found.reports
    yield _figure("acknowledged and lost", found.lost, "acknowledged", promised, most=0)
    yield _figure("reports counted twice", found.counted_twice, "reports", found.reports, most=0)
    yield _figure("wrong counters", len(found.wrong_counters), "waves", len(counts), most=0)
    yield Figure(
        _BENCH,
        "CPU of a device's enrolment, check-ins and update",
        _MS * (server_s + database_s) / devices,
        "ms",
        "PostgreSQL's part",
        _MS * database_s / devices,
    )


def _going_badly(devices: int, pace: dict[str, float]) -> Iterator[Figure]:
    """The release never comes up: how many devices had it before the rollout halted by itself."""
    limit = devices // _AT_ONCE
    with _server() as (_, server):
        living = server.devices(devices, duration_s=_DEADLINE_S, fall_back_share=1.0, **pace)
        with living as devices_alive:
            devices_alive.wait_until_enrolled(_DEADLINE_S)
            rollout = server.roll_out("1.1.0", waves=("50%", "rest"), least=_LEAST, most=limit)
            row = _wait(server, rollout, lambda row: row.state in _DONE and not row.in_flight)
        given = sum(bool(device.claims) for device in devices_alive.fleet.devices)
    yield _figure("devices given a bad release", given, "to judge by", _LEAST, most=_LEAST + limit)
    yield _figure("rollouts of it that did not halt", int(row.state != "halted"), "rollouts", 1, most=0)


@contextmanager
def _server() -> Iterator[tuple[PostgreSql, ServerFleet]]:
    with (
        postgresql(fsync=True) as cluster,
        ServerFleet(url=cluster.database(), processes=2) as server,
    ):
        server.release("1.1.0", 2)
        server.group()
        server.start()
        yield cluster, server


def _wait(server: ServerFleet, rollout: int, holds: Any) -> Any:  # noqa: ANN401 - rows have no type
    return server.wait_for(rollout, holds, deadline_s=_DEADLINE_S)


def _figure(
    name: str, value: float, peer: str, peer_value: float, *, most: float | None = None
) -> Figure:
    return Figure(_BENCH, name, value, "", peer, peer_value, most=most)
