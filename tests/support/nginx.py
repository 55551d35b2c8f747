"""Debian's nginx, running the example of ``integration/nginx`` on free ports in a folder of its own."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
EXAMPLE = Path(__file__).parents[2] / "integration/nginx/ota-server.conf"
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx-light")

_MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""
_DEADLINE_S = 30


# the account that its workers run as, and therefore connect as
USER = "www-data" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
UID = pwd.getpwnam(USER).pw_uid


@contextmanager
def socket_folder():
    """A folder that nginx's workers may enter, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="ng-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def nginx(house, socket_path: Path, *edit):
    """The example site with the house's files, and ``edit``: pairs of a pattern and what replaces it.

    Gives the address of its TLS listener. Its own files are beside the socket.
    """
    folder = socket_path.parent
    address = _free_address()
    site = EXAMPLE.read_text()
    for pattern, other in (
        (r"unix:[^;]*", f"unix:{socket_path}"),
        (r" *listen \[::\]:443 ssl;\n", ""),
        (r"listen 443 ssl", f"listen {address[0]}:{address[1]} ssl"),
        (r"access_log [^ ]*", f"access_log {folder}/access.log"),
        (r"(ssl_certificate +)[^;]*", rf"\1{house.files.certificate}"),
        (r"(ssl_certificate_key +)[^;]*", rf"\1{house.files.key}"),
        (r"(ssl_client_certificate +)[^;]*", rf"\1{house.authorities}"),
        *edit,
    ):
        site, found = re.subn(pattern, other, site)
        assert found, pattern
    user = f"user {USER};" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(_MAIN.format(folder=folder, user=user, site=site))
    command = [NGINX, "-p", str(folder), "-c", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _await(address, process, folder)
        yield address
    finally:
        process.terminate()
        process.wait(_DEADLINE_S)


def _free_address():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()


def _await(address, process, folder):
    deadline = time.monotonic() + _DEADLINE_S
    while True:
        assert process.poll() is None, (folder / "error.log").read_text()
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.02)
        else:
            return
