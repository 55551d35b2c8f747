"""A whole update server for simulated devices: its releases, its processes, its operator."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from sqlalchemy import select

from ota_server.catalog import Catalog
from ota_server.database.database import Database
from ota_server.database.migrate import upgrade
from ota_server.database.schema import rollout_waves, rollouts
from ota_server.devices import groups, tokens
from ota_server.files.folder import PublishedFolder
from ota_server.rollouts import rollout
from ota_server.rollouts.plan import HaltCondition, RolloutPlan, SuccessCondition, WavePlan
from ota_server.rollouts.share import Share
from ota_server.server_folder import ServerFolder
from ota_server.simulate.behaviour import Behaviour
from ota_server.simulate.fleet import Fleet, FleetPlan
from ota_server.simulate.tally import Standing
from ota_server.simulate.verdicts import Repository, Start, Verdicts
from ota_server.simulate.wire import SocketWire
from support.signing_desk import HARDWARE, PRODUCT, SigningDesk, version

SERVE = (sys.executable, "-c", "from ota_server.cli import main; main()", "serve", "--no-access-log")
ALL = 'hardware_id = "gw-rev2"'
# not what is tested here: all come from one machine
UNLIMITED = {
    "device_requests_a_minute": 1_000_000,
    "address_requests_a_minute": 1_000_000,
    "enrolments_a_minute": 1_000_000,
}


def now():
    return datetime.now(UTC)


class ServerFleet:
    """Processes of one server on Unix sockets, as behind a proxy; use it in a ``with`` statement.

    Args:
        url: of the database; None for SQLite in the server's own folder.
        processes: how many serve.
        settings: of the table ``[fleet]``.
    """

    def __init__(self, *, url=None, processes=1, folder=None, **settings):
        # a socket's path is short
        self.folder = folder or Path(mkdtemp(prefix="fleet-"))
        self.server = ServerFolder(self.folder / "server")
        self.server.create(("localhost",), now(), fleet=True, force=False)
        self.database = Database(url or f"sqlite:///{self.server.database}")
        upgrade(self.database)
        self._url = url or f"sqlite:///{self.server.database}"
        self.settings = {"check_in_s": 300, "step_s": 1, **UNLIMITED, **settings}
        self.desk = SigningDesk(self.folder, now())
        self.sockets = [self.folder / f"{number}.sock" for number in range(processes)]
        self.processes, self._killed_cpu_s = {}, 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for number in list(self.processes):
            self.kill(number, signal.SIGTERM)
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # the release engineer

    def release(self, text, index=1):
        self.desk.now = now()
        self.desk.release(text, index, content=os.urandom(300_000))

    # the machine

    def start(self):
        for number in range(len(self.sockets)):
            self.start_one(number)

    def start_one(self, number):
        with (self.folder / f"{number}.log").open("ab") as log:
            process = subprocess.Popen(
                SERVE, env=self._environment(number), stdout=subprocess.PIPE, stderr=log
            )
        self.processes[number] = process
        assert process.stdout.readline().startswith(b"ready: unix:"), self.log(number)

    def kill(self, number, how=signal.SIGKILL):
        process = self.processes.pop(number)
        self._killed_cpu_s += _cpu_s(process)
        process.send_signal(how)
        process.wait(60)
        process.stdout.close()

    def cpu_s(self):
        """CPU seconds of the processes that serve now, and of those that were killed."""
        return self._killed_cpu_s + sum(map(_cpu_s, self.processes.values()))

    def log(self, number=0):
        return (self.folder / f"{number}.log").read_text()

    def _environment(self, number):
        values = {
            "PUBLISHED": self.desk.published,
            "DATABASE": self._url,
            "DEVICES_AUTHORITY": self.server.device_authority,
            "DEVICES_AUTHORITY_KEY": self.server.device_authority_key,
            "DEVICES_IDENTITY": "proxy",
            "PROXY_SOCKET": self.sockets[number],
            "PROXY_USER": pwd.getpwuid(os.geteuid()).pw_name,
            **{f"FLEET_{name.upper()}": value for name, value in self.settings.items()},
        }
        named = {f"OTA_SERVER_{name}": str(value) for name, value in values.items()}
        return {**os.environ, **named}

    # the operator

    def token(self, uses):
        with self.database.begin() as connection:
            lifetime = timedelta(hours=1)
            return tokens.issue(
                connection, product=PRODUCT, uses=uses, lifetime=lifetime, now=now()
            ).token

    def group(self, name="all", query=ALL):
        with self.database.begin() as connection:
            return groups.create(connection, product=PRODUCT, name=name, query=query, now=now())

    def roll_out(self, text, *, waves=("rest",), halt="10%", least=20, most=20, **more):
        """Create a rollout; returns its id."""
        success = SuccessCondition(Share.parse("50%"), Share.parse("50%"))
        condition = HaltCondition(share=Share.parse(halt), least=least)
        planned = tuple(WavePlan.taking(takes, success=success, halt=condition) for takes in waves)
        name = more.pop("name", f"to-{text}")
        plan = RolloutPlan(
            PRODUCT, name, version(text), more.pop("group", "all"), planned, max_in_flight=most, **more
        )
        catalog = Catalog(PublishedFolder(self.desk.published))
        with self.database.begin() as connection:
            return rollout.create(connection, plan, catalog=catalog, now=now()).id

    def row(self, rollout_id):
        with self.database.read() as connection:
            return connection.execute(select(rollouts).filter_by(id=rollout_id)).one()

    def wait_for(self, rollout_id, holds, *, deadline_s=120):
        """Look at the rollout until something holds for it; returns it."""
        until = time.monotonic() + deadline_s
        while not holds(row := self.row(rollout_id)):
            assert time.monotonic() < until, f"{row}\n{self.waves(rollout_id)}\n{self.log()[-2000:]}"
            time.sleep(0.05)
        return row

    def waves(self, rollout_id):
        with self.database.read() as connection:
            query = select(rollout_waves).filter_by(rollout_id=rollout_id)
            return connection.execute(query.order_by(rollout_waves.c.number)).all()

    # the devices

    @contextmanager
    def devices(self, count, *, seed=1, duration_s=120.0, quiet_s=None, start="1.0.0", **behaviour):
        """Simulated devices that live, in a thread, until the end of the block or of their time."""
        living = Living(self, count, seed, duration_s, quiet_s, start, Behaviour(**behaviour))
        living.start()
        try:
            yield living
        finally:
            living.end()


class Living(threading.Thread):
    """A simulated fleet in a thread.

    Attributes:
        fleet: as soon as it lives.
        summary: when it has ended.
    """

    def __init__(self, server, count, seed, duration_s, quiet_s, start, behaviour):
        super().__init__()
        first = Start(PRODUCT, HARDWARE, version(start), 1)
        self._plan = FleetPlan(
            count, first, "sim-", seed, duration_s, quiet_s, connections_most=64, sample_s=0.1
        )
        self._server, self._behaviour = server, behaviour
        self._token = server.token(count)
        self._loop, self._made = None, threading.Event()
        self.fleet = self.summary = self.failure = None

    def run(self):
        try:
            asyncio.run(self._live())
        except Exception as e:  # noqa: BLE001 - told by `end`, in the thread of the test
            self.failure = e
        finally:
            self._made.set()

    async def _live(self):
        published = self._server.desk.published
        root = (published / "metadata/1.root.json").read_bytes()
        folder = self._server.folder / f"devices-{id(self)}"
        verdicts = Verdicts(Repository(root, published), folder, clock=now)
        wire = SocketWire(self._server.sockets)
        self._loop = asyncio.get_running_loop()
        self.fleet = Fleet(self._plan, self._behaviour, wire, self._token, verdicts, now)
        self._made.set()
        self.summary = await self.fleet.run()

    def start(self):
        super().start()
        self._made.wait(60)

    def wait_until_enrolled(self, deadline_s=120):
        """A rollout's waves are shares of the devices that are there."""
        until = time.monotonic() + deadline_s
        while any(self.fleet.tally.standings[s] for s in (Standing.ENROLLING, Standing.TURNED_AWAY)):
            assert time.monotonic() < until, self._server.log()[-2000:]
            time.sleep(0.05)

    def wait_until_refused(self, times, deadline_s=120):
        """Until the server has told them so often, from now on, that it cannot do its work."""
        refused = self._refused
        until = time.monotonic() + deadline_s
        while self._refused - refused < times:
            assert time.monotonic() < until, f"the server works: {self.fleet.tally.answers}"
            time.sleep(0.05)

    @property
    def _refused(self):
        answers = self.fleet.tally.answers
        return answers["reports", 503] + answers["check-in", 503]

    def end(self):
        """Let them stop; raises what broke a life off."""
        if self.is_alive() and self.fleet:
            self._loop.call_soon_threadsafe(self.fleet.stop)
        self.join(60)
        if self.failure:
            raise self.failure


def _cpu_s(process):
    # user and system time (proc(5)), without what stands before the end of the name
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
