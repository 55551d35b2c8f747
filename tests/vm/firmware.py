"""Firmware images for the guest: the root folder, our client, and what makes each version differ."""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vm.disk_image import MIB, make_ext4
from vm.guest_root import ARM64, GUEST, PROJECT, Architecture, compile_python, guest_root
from vm.initramfs import make_initramfs

SLOT_BYTES: Final = 104 * MIB
_TREE_BYTES: Final = 2 * MIB
_SITE: Final = "usr/lib/python3/dist-packages"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a firmware pins: the root of the release keys, and the server's authority."""

    root: Path
    authority: Path


class FirmwareFolder:
    """The tree that all images of one test run are made from.

    Args:
        folder: where it is made; replaced.
        trust: what it pins.
        settings: tables that its settings have besides those of the template.
        more_of_slot: what the table of each slot has besides, with ``{slot}``.
        architecture: of the guest.
    """

    def __init__(
        self,
        folder: Path,
        trust: Trust,
        *,
        settings: str,
        more_of_slot: str = "",
        architecture: Architecture = ARM64,
    ) -> None:
        self._folder, self._settings, self._more_of_slot = folder, settings, more_of_slot
        self._built_at = datetime.now(UTC)
        shutil.rmtree(folder, ignore_errors=True)
        # hard links: the packages are never written to
        shutil.copytree(guest_root(architecture), folder, symlinks=True, copy_function=os.link)
        self._add_client()
        self._add_system()
        for source, name in ((trust.root, "root.json"), (trust.authority, "ca.pem")):
            self._put(f"usr/share/ratchet/{name}", source.read_bytes())

    def image(self, path: Path, version: str, rollback_index: int, size_bytes: int = SLOT_BYTES) -> None:
        """Write an image that says of itself that it is ``version``."""
        template = (GUEST / "ota-client.toml").read_text()
        facts = {
            "@VERSION@": version,
            "@ROLLBACK_INDEX@": str(rollback_index),
            "@BUILT_AT@": f"{self._built_at:%Y-%m-%dT%H:%M:%SZ}",
            "@SETTINGS@": self._settings,
            "@MORE_OF_A@": self._more_of_slot.format(slot="A"),
            "@MORE_OF_B@": self._more_of_slot.format(slot="B"),
        }
        for word, text in facts.items():
            template = template.replace(word, text)
        self._put("etc/ratchet/ota-client.toml", template.encode())
        self._put("etc/image", f"{version}\n".encode())
        make_ext4(path, self._folder, size_bytes, label=f"rootfs-{version}", journal=False)

    def verity_data(self, path: Path, version: str, rollback_index: int) -> None:
        """Write an image that leaves room for its hash tree, and cannot start without it."""
        initramfs = make_initramfs(self._folder, self._folder.with_name("initramfs"))
        self._put("boot/initrd", initramfs)
        self.image(path, version, rollback_index, size_bytes=SLOT_BYTES - _TREE_BYTES)
        (self._folder / "boot" / "initrd").unlink()

    def kernel_only(self, path: Path) -> None:
        """Write an image whose kernel finds nothing to run, and panics."""
        folder = self._folder.with_name("kernel-only")
        for name in ("boot", "dev"):
            (folder / name).mkdir(parents=True)
        shutil.copy(self._folder / "boot" / "vmlinuz", folder / "boot")
        make_ext4(path, folder, SLOT_BYTES, label="kernel-only", journal=False)

    def _add_client(self) -> None:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / "ota_client", self._folder / _SITE / "ota_client", ignore=ignored)
        compile_python(self._folder, f"{_SITE}/ota_client")
        self._put("usr/bin/ota-client", (GUEST / "ota-client").read_bytes(), 0o755)

    def _add_system(self) -> None:
        for name in ("proc", "sys", "run", "tmp", "dev", "data"):
            (self._folder / name).mkdir(exist_ok=True)
        (self._folder / "bin/sh").symlink_to("busybox")
        self._put("sbin/init", (GUEST / "init").read_bytes(), 0o755)
        for source in sorted((GUEST / "etc").iterdir()):
            self._put(f"etc/{source.name}", source.read_bytes())

    def _put(self, name: str, content: bytes, mode: int = 0o644) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # a hard link to the cached packages must not be written through
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
