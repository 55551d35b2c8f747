"""Releases signed with the real commands, and the real server that hands them out."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from demo.stage import Stage

PRODUCT: Final = "gateway"
BOARD: Final = "gw-rev2"
# the host's loopback, as QEMU's own network shows it to a guest
HOST_SEEN_BY_GUEST: Final = "10.0.2.2"


class UpdateSource:
    """A release engineer's desk and an update server, in one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.published = folder / "repository" / "published"
        self._stage = Stage(folder)
        self._stage.run("ota-sign", "init", folder / "repository", "--with-keys")
        self._stage.run("ota-sign", "product", "add", PRODUCT, "--hardware-id", BOARD)
        self._publish()
        self._stage.run("ota-server", "init", folder / "server", "--host", HOST_SEEN_BY_GUEST)

    @property
    def root(self) -> Path:
        """The root that devices pin."""
        return self.published / "metadata" / "1.root.json"

    @property
    def authority(self) -> Path:
        """The authority that devices know the server by."""
        return self.folder / "server" / "ca.pem"

    def release(self, image: Path, version: str, rollback_index: int, *more: str) -> None:
        """Sign and publish an image, as people do."""
        facts = ("--product", PRODUCT, "--version", version, "--rollback-index", rollback_index)
        target = ("--hardware-id", BOARD, "--image", f"rootfs={image}", "--level", 1)
        self._stage.run("ota-sign", "release", "add", *facts, *target, *more)
        self._publish()

    def recorded(self, name: str) -> Path:
        """A copy of what is published now: what an attacker may replay, or an older state to serve."""
        copy = self.folder / name
        shutil.copytree(self.published, copy)
        return copy

    @contextmanager
    def served(self, published: Path | None = None) -> Iterator[int]:
        """Serve a published folder over HTTPS; the port on the loopback."""
        tree = published or self.published
        with self._stage.server(tree, log=self.folder / f"{tree.name}.log") as address:
            yield int(address.rpartition(":")[2])

    def _publish(self) -> None:
        for command in ("review", "sign", "publish"):
            self._stage.run("ota-sign", command)
