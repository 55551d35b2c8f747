"""A TPM for a guest: swtpm, with a state folder that outlives the machine."""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

_END_S: Final = 30


class Tpm:
    """One TPM chip.

    Args:
        folder: its memory; a copy of the folder is a copy of the chip.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, device: str) -> list[str]:
        """Start the chip; what QEMU must be told of it. It ends with the machine."""
        # a socket's path is short: the state folder may lie deep
        self._run = tempfile.TemporaryDirectory(prefix="tpm-")
        socket = Path(self._run.name) / "socket"
        self._process = subprocess.Popen(
            [
                *("swtpm", "socket", "--tpm2", "--terminate", "--tpmstate", f"dir={self.folder}"),
                *("--ctrl", f"type=unixio,path={socket}", "--pid", f"file={socket}.pid"),
            ],
            stderr=subprocess.PIPE,
        )
        while not Path(f"{socket}.pid").exists():
            # the file is written when the socket listens; a chip that cannot start ends at once
            assert self._process.poll() is None, self._process.stderr.read().decode()
        return [
            *("-chardev", f"socket,id=tpm-line,path={socket}"),
            *("-tpmdev", "emulator,id=tpm,chardev=tpm-line", "-device", f"{device},tpmdev=tpm"),
        ]

    def wait(self) -> None:
        """Wait for the chip after its machine is gone."""
        if self._process is not None:
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                # QEMU was killed before it plugged the chip in: nobody will ever hang up
                self._process.kill()
                self._process.wait()
            self._process.stderr.close()
            self._run.cleanup()
            self._process = None
