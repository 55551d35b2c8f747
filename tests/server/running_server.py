"""A real server process or one in this process, and what it publishes."""

import hashlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from ota_server.web.connections import ConnectionLimits, guarded_protocol

LIMITS = ConnectionLimits(connections_most=100)
MIB = 1024 * 1024
DATA = random.Random(7).randbytes(700_001)
DATA_NAME = f"targets/gateway/1.0.0/{hashlib.sha256(DATA).hexdigest()}.system.data"
TIMESTAMP = b'{"signed":{"version":7}}'


def make_published(folder: Path) -> Path:
    for name, data in {
        "metadata/1.root.json": b"{}",
        "metadata/timestamp.json": TIMESTAMP,
        "metadata/7.snapshot.json": b'{"signed":{}}',
        DATA_NAME: DATA,
        f"targets/gateway/1.0.0/{hashlib.sha256(b'').hexdigest()}.empty": b"",
        "secret.txt": b"outside of metadata/ and targets/",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def make_sparse(folder: Path, size_bytes: int) -> str:
    name = f"targets/p/1.0.0/{'0' * 64}.data"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("wb") as file:
        file.truncate(size_bytes)
    return name


def command(*args) -> list[str]:
    return [sys.executable, "-c", "from ota_server.cli import main; main()", *map(str, args)]


@dataclass
class Served:
    url: str
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def raw(self, request: bytes) -> bytes:
        """Send bytes as they are, and read until the server hangs up."""
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def ask(self, path: str, method: str = "GET", **headers: str):
        return ask(self.port, path, method, **headers)


def ask(port: int, path: str, method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@dataclass
class Running(Served):
    process: subprocess.Popen
    log: Path


@contextmanager
def running(tmp: Path, *args, **environment):
    log = tmp / "server.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command("serve", "--port", "0", "--json", *args),
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **environment},
        )
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            url = json.loads(line)["ready"]
            yield Running(url, int(url.rpartition(":")[2]), process, log)
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


@contextmanager
def serving(app, limits=LIMITS, *, listener=None):
    """The port and the uvicorn server of a thread of this process."""
    config = uvicorn.Config(
        app, interface="asgi3", http=guarded_protocol(limits), lifespan="off", ws="none", log_config=None
    )
    server = uvicorn.Server(config)
    listener = listener or socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1], server
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
