"""`ota-client check` with nothing new, from `ota-server`: what every device does many times a day."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import process, scene
from bench.figure import Figure
from bench.relay import Traffic, relay
from signing.repository import Repository

_RATIO_MOST: Final = 1.5
_REQUESTS_MOST: Final = 2
_RECEIVED_MOST_BYTES: Final = 1000
_SLOT_BYTES: Final = 4096
_NOTHING_TO_DO: Final = 3
_LIBRARIES: Final = "import tuf.ngclient, requests"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure checks; ``quick`` takes one repetition."""
    image = folder / "image"
    image.write_bytes(b"firmware")
    repository = scene.make_repository(folder / "repository")
    scene.stage_release(repository, "1.0.0", {"rootfs": image})
    scene.sign_and_publish(repository)
    return [
        _cpu_figure(folder, repository, 1 if quick else 15),
        *_traffic_figures(folder, repository),
    ]


@contextmanager
def _served(repository: Repository, *options: str) -> Iterator[str]:
    published = ("--published", str(scene.published(repository)))
    command = process.command("ota_server", "serve", *published, *options, "--port", "0", "--json")
    with process.server(*command) as ready:
        yield json.loads(ready)["ready"]


def _cpu_figure(folder: Path, repository: Repository, times: int) -> Figure:
    """Over TLS, with the server's authority pinned."""
    tls = folder / "tls"
    process.run(*process.command("ota_server", "init", "--host", "127.0.0.1", str(tls)))
    with _served(repository, "--config", str(tls / "ota-server.toml")) as url:
        settings = scene.make_device(
            folder / "device-tls",
            repository,
            url,
            version="1.0.0",
            slot_bytes=_SLOT_BYTES,
            network=f'ca_file = "{tls / "ca.pem"}"\n',
        )
        runs = process.interleaved(
            times,
            check=lambda: _check(settings),
            libraries=lambda: process.run("-c", _LIBRARIES),
        )
    return Figure(
        "check",
        "CPU of `ota-client check`, over TLS",
        process.cpu_s(runs["check"]),
        "s",
        f'`python -c "{_LIBRARIES}"`',
        process.cpu_s(runs["libraries"]),
        ratio_most=_RATIO_MOST,
    )


def _traffic_figures(folder: Path, repository: Repository) -> list[Figure]:
    """Over plain HTTP, where every byte can be counted."""
    with _served(repository, "--insecure-http") as url:
        settings = scene.make_device(
            folder / "device", repository, url, version="1.0.0", slot_bytes=_SLOT_BYTES
        )
        # The first check of a device's life fetches everything.
        first, usual = _traffic(settings, url), _traffic(settings, url)
    peer = "first check of a device"
    return [
        Figure("check", "requests", len(usual.paths), "", peer, len(first.paths), most=_REQUESTS_MOST),
        Figure(
            "check",
            "received, bodies and headers",
            usual.received_bytes,
            "B",
            peer,
            first.received_bytes,
            most=_RECEIVED_MOST_BYTES,
        ),
        Figure("check", "received, bodies alone", usual.body_bytes, "B", peer, first.body_bytes),
    ]


def _check(settings: Path) -> process.Usage:
    arguments = process.command("ota_client", "--config", str(settings), "check")
    return process.run(*arguments, statuses=(_NOTHING_TO_DO,))


def _traffic(settings: Path, server_url: str) -> Traffic:
    """What one check sends and receives."""
    text, traffic = settings.read_text(), Traffic()
    with relay(server_url, traffic) as url:
        settings.write_text(text.replace(server_url, url))
        _check(settings)
    settings.write_text(text)
    return traffic
