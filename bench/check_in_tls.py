"""What mutual TLS adds to a check-in, where this server speaks it itself."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Final

from support.server_fleet import SERVE

from bench import caller
from bench.check_in_scene import Scene, request
from bench.figure import Figure
from bench.process import cpu_of

_MS: Final = 1000


def tls_figures(
    scene: Scene, folder: Path, bench: str, plain_ms: float, *, quick: bool
) -> Iterator[Figure]:
    """Measure a check-in over a kept, a resumed and a new connection, beside one without TLS."""
    asked = 50 if quick else 2_000
    context = scene.tls_context(folder)
    with _served(scene) as (port, pid):
        for name, resumed, ask in (
            ("a kept connection", False, caller.over_kept_connections),
            ("a resumed connection", True, caller.over_new_connections),
            ("a new connection", False, caller.over_new_connections),
        ):
            connect = caller.over_tls(port, context, resumed=resumed)
            ask(connect, repeat(request(), asked // 10))
            before_s = cpu_of(pid)
            ask(connect, repeat(request(), asked))
            value_ms = _MS * (cpu_of(pid) - before_s) / asked
            yield Figure(
                bench, f"CPU over {name} of mutual TLS, SQLite", value_ms, "ms", "without TLS", plain_ms
            )


@contextmanager
def _served(scene: Scene) -> Iterator[tuple[int, int]]:
    """Serve the scene's database with TLS too; gives the port and the process."""
    files = scene.server.server
    values = {
        "PUBLISHED": scene.server.desk.published,
        "DATABASE": f"sqlite:///{files.database}",
        "DEVICES_AUTHORITY": files.device_authority,
        "DEVICES_AUTHORITY_KEY": files.device_authority_key,
        "DEVICES_IDENTITY": "native",
        "CERTIFICATE": files.certificate,
        "KEY": files.key,
        "PORT": 0,
        **{f"FLEET_{name.upper()}": value for name, value in scene.server.settings.items()},
    }
    named = {f"OTA_SERVER_{name}": str(value) for name, value in values.items()}
    with subprocess.Popen(  # noqa: S603 - our own command
        SERVE, env={**os.environ, **named}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            port = re.search(r":(\d+)$", line.strip())
            yield int(port[1]) if port else 0, process.pid
        finally:
            process.terminate()
