"""A PostgreSQL of our own, from Debian's package: a fresh cluster behind a Unix socket."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/nowhere"))
needs_postgresql = pytest.mark.skipif(
    not (_PROGRAMS / "initdb").exists(), reason="needs PostgreSQL: apt-get install postgresql"
)
_USER = "postgres"
_DEADLINE_S = 60


class PostgreSql:
    """One cluster; whoever reaches its socket is its owner.

    Args:
        fsync: off for speed; on where the test kills it.
        small: writes its log in pieces of a megabyte, and keeps few of them.
    """

    def __init__(self, folder: Path, *, fsync: bool = False, small: bool = False) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._databases = 0
        size = ("--wal-segsize", "1") if small else ()
        how = ("-A", "trust", "-N", "-U", _USER, "-E", "UTF8", "--locale=C", *size)
        self._run("initdb", *how, "-D", self._data)
        # the tests choose how many connections; a crash test needs what was acknowledged on the disk
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{folder}'\n"
                f"max_connections = 64\nfsync = {'on' if fsync else 'off'}\n"
                f"synchronous_commit = {'on' if fsync else 'off'}\n"
            )
            if small:
                settings.write("min_wal_size = 2MB\nmax_wal_size = 4MB\n")

    def start(self) -> None:
        """Start, also after a kill; returns when it answers."""
        self._run(
            "pg_ctl", "-w", "-t", str(_DEADLINE_S), "-D", self._data, "-l", self.folder / "log", "start"
        )

    def start_again(self) -> None:
        """Start it if it gives up by itself; returns when it answers."""
        deadline = time.monotonic() + _DEADLINE_S
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            if not (self._lock.exists() and _is_alive(int(self._first()))):
                self.start()
            time.sleep(0.1)

    def _answers(self) -> bool:
        asked = [str(_PROGRAMS / "pg_isready"), "-q", "-h", str(self.folder)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self) -> None:
        """Stop it, whoever is still connected."""
        self._run("pg_ctl", "-w", "-t", str(_DEADLINE_S), "-m", "immediate", "-D", self._data, "stop")

    def kill(self) -> None:
        """Kill all its processes as a power cut would; what the kernel holds is kept."""
        processes = [int(fields[0]) for fields in self._processes()]
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _DEADLINE_S
        while any(map(_is_alive, processes)):
            assert time.monotonic() < deadline, "the killed processes do not end"
            time.sleep(0.01)
        # the dead keep their numbers where nobody waits for them, and would pass for a running server
        for lock in (self._lock, self.folder / ".s.PGSQL.5432.lock"):
            lock.unlink()

    def database(self) -> str:
        """The address of a new, empty database."""
        self._databases += 1
        name = f"fleet{self._databases}"
        self._run("createdb", "-h", self.folder, "-U", _USER, name)
        return f"postgresql://{_USER}@/{name}?host={self.folder}"

    def cpu_s(self) -> float:
        """CPU seconds of all its processes, of those that have ended too."""
        # utime, stime and, of children that ended, cutime and cstime (proc(5))
        ticks = sum(sum(map(int, fields[13:17])) for fields in self._processes())
        return ticks / os.sysconf("SC_CLK_TCK")

    def _processes(self) -> list[list[str]]:
        """The first process, and those that it started."""
        first = self._first()
        stats = (_stat(path) for path in Path("/proc").glob("[0-9]*/stat"))
        return [fields for fields in stats if first in {fields[0], fields[3]}]

    def _first(self) -> str:
        return self._lock.read_text().splitlines()[0]

    @property
    def _lock(self) -> Path:
        return self._data / "postmaster.pid"

    def _run(self, program: str, *arguments: object) -> None:
        # PostgreSQL refuses to run as root
        as_user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
        done = subprocess.run(
            [*(as_user if os.geteuid() == 0 else ()), str(_PROGRAMS / program), *map(str, arguments)],
            cwd="/",
            check=False,
            # a server keeps its output open for as long as it lives
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            text=True,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"


def _stat(path: Path) -> list[str]:
    with suppress(OSError):
        # the name in parentheses may hold blanks
        before, _, after = path.read_text().rpartition(")")
        return [before.split()[0], "", *after.split()]
    return [""] * 4


def _is_alive(pid: int) -> bool:
    # one that its parent has yet to wait for holds nothing any more
    return _stat(Path(f"/proc/{pid}/stat"))[2] not in {"", "Z"}


@contextmanager
def postgresql(*, fsync: bool = False, disk: Path | None = None) -> Iterator[PostgreSql]:
    """A cluster that runs until the end of the block, in memory unless ``fsync`` is asked for.

    Args:
        fsync: see ``PostgreSql``.
        disk: a small one to keep it on.
    """
    # a socket's path is short, and its folder belongs to who runs the server
    where = disk or (None if fsync or not Path("/dev/shm").is_dir() else "/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=where))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER, _USER)
        cluster = PostgreSql(folder, fsync=fsync, small=disk is not None)
        cluster.start()
        try:
            yield cluster
        finally:
            with suppress(AssertionError):
                cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
