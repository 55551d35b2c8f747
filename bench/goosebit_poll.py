"""goosebit's poll of a device that is up to date: the nearest Python server, on the same machine.

It is installed into an environment of its own, build/goosebit. Where that fails, the bench says why in
the place of its figure.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from support.postgresql import PostgreSql

from bench import caller
from bench.process import ROOT, cpu_of

VERSION: Final = "0.2.12"
_ENVIRONMENT: Final = ROOT / "build" / "goosebit"
_PACKAGES: Final = (f"goosebit=={VERSION}", "asyncpg")
_DEVICES: Final = 200
_START_S: Final = 60
_MS: Final = 1000
# As its own program starts it, but for the port, and with its tables made by its own models.
_SERVE: Final = """
import asyncio, sys
import goosebit.db.config as c
if len(sys.argv) > 2:
    where = {"host": sys.argv[2], "database": sys.argv[3], "port": 5432}
    c.TORTOISE_CONF["connections"]["default"] = {
        "engine": "tortoise.backends.asyncpg",
        "credentials": {**where, "user": "postgres", "password": ""},
    }
from tortoise import Tortoise
async def tables():
    await Tortoise.init(config=c.TORTOISE_CONF)
    await Tortoise.generate_schemas()
    await Tortoise.close_connections()
asyncio.run(tables())
import uvicorn
from goosebit import app
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]))
"""


class NoGoosebitError(Exception):
    """It cannot be had here."""


def poll_ms(folder: Path, cluster: PostgreSql | None, *, asked: int) -> float:
    """The CPU of one poll, server and database, in ms; the devices are known and have nothing to do.

    Args:
        folder: for its SQLite file.
        cluster: of PostgreSQL; None means SQLite.
        asked: polls.

    Raises:
        NoGoosebitError: it cannot be installed or does not start.
    """
    with _served(folder, cluster) as (port, pid):

        def cpu_s() -> float:
            return cpu_of(pid) + (cluster.cpu_s() if cluster else 0)

        connect = caller.to_port(port)
        polls = [_poll(number) for number in range(_DEVICES)]
        # one after the other: it makes the first ones' hardware twice if they come together
        caller.over_kept_connections(connect, polls, at_once=1)
        caller.over_kept_connections(connect, map(_register, range(_DEVICES)), at_once=1)
        caller.over_kept_connections(connect, polls)
        before_s = cpu_s()
        caller.over_kept_connections(connect, islice(cycle(polls), asked))
        return _MS * (cpu_s() - before_s) / asked


def _poll(number: int) -> bytes:
    return f"GET /DEFAULT/controller/v1/gw-{number:06} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _register(number: int) -> bytes:
    """What a device sends that was never there, so that it counts as registered."""
    data = {"hw_boardname": "gw-rev2", "hw_revision": "1", "sw_version": "1.0.0"}
    content = json.dumps({"id": "", "status": {}, "data": data}).encode()
    head = (
        f"PUT /DEFAULT/controller/v1/gw-{number:06}/configData HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@contextmanager
def _served(folder: Path, cluster: PostgreSql | None) -> Iterator[tuple[int, int]]:
    python = _installed()
    port = _free_port()
    database = [str(cluster.folder), _new_database(cluster)] if cluster else []
    log = folder / "goosebit.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - the environment that we made
            [python, "-c", _SERVE, str(port), *database],
            cwd=folder,
            env={"GOOSEBIT_DB_URI": f"sqlite://{folder / 'goosebit.sqlite3'}", "PATH": os.defpath},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield port, process.pid
        finally:
            process.terminate()


def _installed() -> str:
    """Python of the environment that has goosebit; made once."""
    python = _ENVIRONMENT / "bin" / "python"
    try:
        if not (_ENVIRONMENT / "ready").exists():
            _run(sys.executable, "-m", "venv", str(_ENVIRONMENT))
            _run(str(python), "-m", "pip", "install", "--quiet", *_PACKAGES)
            (_ENVIRONMENT / "ready").touch()
    except subprocess.CalledProcessError as e:
        said = (e.stderr or "").strip().splitlines() or ["no reason given"]
        raise NoGoosebitError(f"goosebit {VERSION} cannot be installed: {said[-1]}") from e
    return str(python)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words


def _new_database(cluster: PostgreSql) -> str:
    url: str = cluster.database()
    return url.partition("@/")[2].partition("?")[0]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
    raise NoGoosebitError(f"goosebit {VERSION} does not start: {said[-1]}")
