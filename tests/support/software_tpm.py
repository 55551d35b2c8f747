"""A TPM 2.0 in a process: Debian's swtpm, whose memory outlives it."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from ota_client.counters.tpm_messages import Answer, Code, command, parse_answer
from ota_client.counters.tpm_transport import connect

needs_swtpm = pytest.mark.skipif(
    shutil.which("swtpm") is None, reason="needs swtpm: apt-get install swtpm"
)
LOCKOUT, OWNER = 0x4000000A, 0x40000001
CLEAR, HIERARCHY_CHANGE_AUTH = 0x126, 0x129


class SoftwareTpm:
    """One chip.

    Args:
        folder: its memory and its socket; short, for a socket's path is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "tpm"
        self.device = f"swtpm:{self.socket}"
        self.start()

    def start(self) -> None:
        """Switch it on."""
        pid = self.folder / "pid"
        pid.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}"),
                *("--server", f"type=unixio,path={self.socket}", "--pid", f"file={pid}"),
                *("--ctrl", f"type=unixio,path={self.folder / 'control'}"),
                *("--flags", "not-need-init,startup-clear"),
            ],
            stderr=subprocess.PIPE,
        )
        while not pid.exists():
            # the file is written when the socket listens; a chip that cannot start ends at once
            assert self._process.poll() is None, self._process.stderr.read().decode()

    def kill(self) -> None:
        """Take its power."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self._process.stderr.close()
        self.socket.unlink(missing_ok=True)

    def send(self, code: int, handles: tuple[int, ...], parameters: bytes, auth: bytes | None) -> Answer:
        """Any command, by a line of its own."""
        with connect(self.device) as line:
            message = command(Code._value2member_map_.get(code, code), handles, parameters, auth)
            return parse_answer(line.exchange(message), authorised=auth is not None)

    def clear(self) -> None:
        """Forget all that its owner made, as a menu of the boot firmware does."""
        assert self.send(CLEAR, (LOCKOUT,), b"", b"").code == 0

    def set_owner_password(self, password: bytes) -> None:
        parameters = len(password).to_bytes(2, "big") + password
        assert self.send(HIERARCHY_CHANGE_AUTH, (OWNER,), parameters, b"").code == 0
