"""A real S3 server: SeaweedFS, on ports and credentials of its own, in memory if the folder is."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test-access", "AWS_SECRET_ACCESS_KEY": "test-secret-key"}
REGION = "us-east-1"
WEED = Path(sys.executable).with_name("weed")


class S3Server:
    """Starts and stops; what was stored stays."""

    def __init__(self, folder):
        self.folder = folder
        self.port, *self._others = free_ports(10)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        names = (
            "s3.port.grpc master.port master.port.grpc volume.port volume.port.grpc filer.port "
            "filer.port.grpc admin.port admin.port.grpc"
        )
        ports = [f"-{name}={port}" for name, port in zip(names.split(), self._others, strict=True)]
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    WEED,
                    "mini",
                    f"-dir={self.folder}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    f"-s3.port={self.port}",
                    *ports,
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    "-webdav=false",
                    "-admin.ui=false",
                    # it would tell its makers of each start
                    "-master.telemetry=false",
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, **CREDENTIALS},
            )
        self._wait()

    def stop(self):
        # at once: asked kindly, it takes up to 12 s
        self._process.kill()
        self._process.wait()

    def drop(self, bucket):
        """Remove a bucket with all that is in it, past its S3 interface."""
        filer = self._others[5]
        url = f"http://127.0.0.1:{filer}/buckets/{bucket}?recursive=true&ignoreRecursiveError=true"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=20).close()

    def _wait(self):
        from obstore.exceptions import BaseError

        deadline = time.monotonic() + 60
        while True:
            try:
                client(self, "started").put("ready", b"")
            except BaseError:
                log = (self.folder / "weed.log").read_text(errors="replace")
                assert self._process.poll() is None, log[-2000:]
                assert time.monotonic() < deadline, log[-2000:]
                time.sleep(0.1)
            else:
                return


class Client:
    """Reads and writes objects as their owner does, or a thief of the credentials."""

    def __init__(self, store):
        self._store = store

    def put(self, name, content):
        import obstore

        obstore.put(self._store, name, content)

    def get(self, name):
        import obstore

        return bytes(obstore.get(self._store, name).bytes())

    def delete(self, name):
        import obstore

        obstore.delete(self._store, name)

    def names(self):
        import obstore

        return sorted(found["path"] for chunk in obstore.list(self._store) for found in chunk)


def client(server, bucket, prefix=None):
    """A client of a bucket; the bucket is made with its first object."""
    from obstore.store import S3Store

    return Client(
        S3Store(
            bucket,
            prefix=prefix,
            config={
                "endpoint": server.endpoint,
                "region": REGION,
                "access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
                "secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            },
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
    )


def settings_table(server, bucket, **more):
    """The table ``[files]`` of a server's settings."""
    values = {
        "kind": "s3",
        "bucket": bucket,
        "endpoint": server.endpoint,
        "region": REGION,
        "insecure_http_endpoint": True,
        **more,
    }
    return "[files]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def free_ports(count):
    """Ports of this machine that nobody listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


@contextmanager
def s3_server(folder):
    """Run an ``S3Server``."""
    server = S3Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
