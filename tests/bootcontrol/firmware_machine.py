"""A machine of EFI firmware and a FAT disk, without an operating system: OVMF in QEMU, emulated."""

import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest

OVMF = Path("/usr/share/OVMF")
SYSTEMD_BOOT = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
_NEEDED = {
    "qemu-system-x86": shutil.which("qemu-system-x86_64"),
    "mtools": shutil.which("mcopy"),
    "ovmf": (OVMF / "OVMF_CODE_4M.fd").exists(),
    "systemd-boot-efi": SYSTEMD_BOOT.exists(),
}
_DEADLINE_S = 300
_MEBIBYTE = 1 << 20

Files = Mapping[str, bytes]


def needs_firmware() -> pytest.MarkDecorator:
    missing = " ".join(sorted(package for package, found in _NEEDED.items() if not found))
    return pytest.mark.skipif(bool(missing), reason=f"apt-get install {missing}")


@dataclass(frozen=True)
class FirmwareMachine:
    """One machine; its variables and its disk stay between runs.

    Attributes:
        folder: for its files.
    """

    folder: Path

    def put(self, files: Files) -> None:
        """Give the disk these files and no others; paths are absolute, as on the mounted partition."""
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        for name, data in files.items():
            path = tree / PurePath(name).relative_to("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self._disk.unlink(missing_ok=True)
        with self._disk.open("wb") as disk:
            disk.truncate(48 * _MEBIBYTE)
        self._mtools("mformat", "-F", "::")
        self._mtools("mcopy", "-s", "-Q", *sorted(map(str, tree.iterdir())), "::/")

    def get(self, folder: str) -> dict[str, bytes]:
        """The files in one folder of the disk."""
        after = self.folder / "after"
        shutil.rmtree(after, ignore_errors=True)
        after.mkdir()
        self._mtools("mcopy", "-s", "-n", f"::{folder}", str(after))
        found = after / PurePath(folder).name
        return {f"{folder}/{path.name}": path.read_bytes() for path in found.iterdir()}

    def starts(self, count: int) -> list[str]:
        """Switch on, and let it restart until so many kernels ran; returns what they were told."""
        variables = self.folder / "variables.fd"
        if not variables.exists():
            shutil.copy(OVMF / "OVMF_VARS_4M.fd", variables)
        log = self.folder / "serial.log"
        log.write_bytes(b"")
        command = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-m", "128"]
        command += ["-nodefaults", "-display", "none", "-serial", f"file:{log}"]
        command += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF / 'OVMF_CODE_4M.fd'}"]
        command += ["-drive", f"if=pflash,format=raw,file={variables}"]
        command += ["-drive", f"if=virtio,format=raw,file={self._disk}"]
        with subprocess.Popen(command) as machine:
            try:
                return self._watch(machine, log, count)
            finally:
                machine.kill()

    def _watch(self, machine: subprocess.Popen[bytes], log: Path, count: int) -> list[str]:
        end = time.monotonic() + _DEADLINE_S
        while time.monotonic() < end and machine.poll() is None:
            told = log.read_text(encoding="utf-8", errors="replace").split("<told>")[1:]
            lines = [text.partition("</told>")[0].strip() for text in told if "</told>" in text]
            if len(lines) >= count:
                return lines[:count]
            time.sleep(0.05)
        raise AssertionError(f"expected {count} starts, got: {log.read_bytes()[-2000:]!r}")

    @property
    def _disk(self) -> Path:
        return self.folder / "disk.img"

    def _mtools(self, *words: str) -> None:
        program, *rest = words
        subprocess.run([program, "-i", str(self._disk), *rest], check=True, capture_output=True)
