"""A server that commands made, and whoever ends TLS before it: itself, or Debian's nginx."""

import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

from running_server import command, make_published, running
from support.nginx import USER, nginx


class Operator:
    """A server's folder, made by ``ota-server init``, and the commands that work on it."""

    def __init__(self, folder):
        self.folder = folder / "server"
        subprocess.run(command("init", self.folder, "--host", "127.0.0.1"), check=True)
        make_published(self.folder / "published")
        self.config = self.folder / "ota-server.toml"

    def run(self, *arguments):
        done = subprocess.run(
            command(*arguments, "--config", self.config), check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


@contextmanager
def native(operator):
    with running(operator.folder, "--config", operator.config) as server:
        yield ("127.0.0.1", server.port)


@contextmanager
def behind_nginx(operator):
    socket_path = operator.folder / "http.sock"
    settings = operator.config.read_text()
    for name in ("certificate", "key", "host", "port"):
        settings = "".join(
            line for line in settings.splitlines(keepends=True) if not line.startswith(f"{name} =")
        )
    settings = settings.replace('identity = "native"', 'identity = "proxy"')
    settings += f'\n[proxy]\nsocket = "{socket_path}"\nuser = "{USER}"\n'
    operator.config.write_text(settings)
    house = SimpleNamespace(
        files=SimpleNamespace(
            certificate=operator.folder / "server.pem", key=operator.folder / "server.key"
        ),
        authorities=operator.folder / "device-ca.pem",
    )
    with serving(operator), nginx(house, socket_path) as address:
        yield address


@contextmanager
def serving(operator):
    with (operator.folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command("serve", "--config", operator.config), stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout.readline().startswith("ready: unix:")
        yield
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
