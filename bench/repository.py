"""Add one more release to a product of many, and publish it."""

import json
from pathlib import Path
from typing import Final

from bench import process, scene
from bench.figure import Figure

_SIZES: Final = (1, 1000, 5000)
_QUICK_SIZES: Final = (1, 20)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure small and large products; ``quick`` takes small ones alone."""
    figures = []
    for count in _QUICK_SIZES if quick else _SIZES:
        repository = folder / str(count)
        usage = process.run("-m", "bench.publisher", str(repository), str(count))
        figures += _figures(count, json.loads(usage.output))
        figures.append(_command_figure(repository, count))
    return figures


def _figures(count: int, costs: dict[str, float]) -> list[Figure]:
    tuf, role = "python-tuf: read, sign, write the role", "the product's role alone"
    plain_s, role_kb = costs["plain_cpu_s"], costs["role_bytes"] / 1000

    def figure(name: str, value: float, unit: str, peer: str, peer_value: float) -> Figure:
        return Figure("repository", f"{_named(count)}: {name}", value, unit, peer, peer_value)

    return [
        figure("CPU of adding the last", costs["add_cpu_s"], "s", tuf, plain_s),
        figure("CPU of review, sign, publish", costs["publish_cpu_s"], "s", tuf, plain_s),
        figure("metadata for a new device", costs["first_bytes"] / 1000, "kB", role, role_kb),
        figure("metadata for the next release", costs["next_bytes"] / 1000, "kB", role, role_kb),
    ]


def _command_figure(folder: Path, count: int) -> Figure:
    """One more release by the commands, each a process that opens its keys."""
    passphrase = folder / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(scene.PASSPHRASE)
    env = {"OTA_SIGN_REPO": str(folder), "OTA_SIGN_PASSPHRASE_FILE": str(passphrase)}
    release = {
        "--product": scene.PRODUCT,
        "--version": f"1.2.{count}",
        "--rollback-index": "1",
        "--hardware-id": scene.HARDWARE,
        "--image": f"rootfs={folder / 'image'}",
        "--channel": "stable",
    }
    add = ("release", "add", *(word for option in release.items() for word in option))
    commands = (add, ("review",), ("sign",), ("publish",))
    usages = [process.run(*process.command("signing", *words), env=env) for words in commands]
    return Figure(
        "repository",
        f"{_named(count + 1)}: CPU of `ota-sign release add`, `review`, `sign`, `publish`",
        sum(usage.cpu_s for usage in usages),
        "s",
        "four times `ota-sign --help`",
        4 * process.run(*process.command("signing", "--help")).cpu_s,
    )


def _named(count: int) -> str:
    return f"{count:,} releases" if count > 1 else "1 release"
