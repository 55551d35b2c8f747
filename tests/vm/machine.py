"""One virtual machine: QEMU by software emulation, its disk, its TPM and its serial line."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vm.serial_console import SerialConsole
from vm.tpm import Tpm

BOOT_DEADLINE_S: Final = 180.0
COMMAND_DEADLINE_S: Final = 240.0
MOST_RESETS: Final = 12


@dataclass(frozen=True, slots=True)
class Board:
    """A kind of machine.

    Attributes:
        command: QEMU and what all machines of this kind share.
        tpm: the name of its TPM device.
        banner: what its boot loader says first, at each start.
    """

    command: tuple[str, ...]
    tpm: str
    banner: bytes


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command in the guest."""

    exit_code: int
    output: str


@dataclass
class Machine:
    """A machine from power on to power off; killing it is the power cut.

    Attributes:
        board: the kind of machine.
        disk: a raw disk image; written unless ``block_log`` records over it, then too.
        log: gets the serial output.
        port: of the update server on the host's loopback.
        tpm: its TPM; None for a board without one.
        mode: ``shell``: the guest obeys ``run``; ``agent``: it runs the agent.
        block_log: record every write and flush of the disk here.
        extra: more of QEMU's arguments.
    """

    board: Board
    disk: Path
    log: Path
    port: int
    tpm: Tpm | None = None
    mode: str = "shell"
    block_log: Path | None = None
    extra: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        """Switch the power on."""
        tpm = () if self.tpm is None else self.tpm.start(self.board.tpm)
        self._process = subprocess.Popen(
            [*self.board.command, *_disk(self.disk, self.block_log), *self._told(), *tpm, *self.extra],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.console = SerialConsole(
            self._process.stdout, self.log, reset=self.board.banner, most_resets=MOST_RESETS
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cut the power."""
        self.cut_power()

    def cut_power(self) -> None:
        """Kill the machine in the middle of whatever it does."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.console.finish()
        self._process.stdin.close()
        self._process.stdout.close()
        if self.tpm is not None:
            self.tpm.wait()

    def wait_for_boot(self, *, deadline_s: float = BOOT_DEADLINE_S) -> str:
        """Wait until a system is up; the slot that runs."""
        said = self.console.expect(r"READY slot=(\w*) image=(\S*) .*\n", deadline_s=deadline_s)
        return said[1]

    def wait_for_status(self) -> Mapping[str, object]:
        """Wait until a guest that lives on its own has said what it runs."""
        self.wait_for_boot()
        said = self.console.expect(r"^STATUS (.*)\n", deadline_s=COMMAND_DEADLINE_S)
        fields = json.loads(said[1])
        assert "error" not in fields, f"the device cannot tell what it runs: {fields}"
        return fields

    def run(self, line: str, *, deadline_s: float = COMMAND_DEADLINE_S) -> Ran:
        """Run a line of shell in the guest."""
        mark = self.console.mark
        self.send(line)
        said = self.console.expect(r"^DONE (\d+)\n", deadline_s=deadline_s)
        return Ran(int(said[1]), self.console.since(mark).rpartition("DONE")[0].strip())

    def reboot(self) -> str:
        """Restart without any goodbye to the disk; the slot that comes up."""
        self.send("reboot -f")
        return self.wait_for_boot()

    def send(self, line: str) -> None:
        """Type a line, and wait for nothing."""
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def _told(self) -> list[str]:
        told = {"port": str(self.port), "mode": self.mode}
        arguments = [f"name=opt/ratchet/{name},string={text}" for name, text in told.items()]
        return [word for argument in arguments for word in ("-fw_cfg", argument)]


def _disk(disk: Path, block_log: Path | None) -> list[str]:
    device = ["-device", "nvme,drive=disk,serial=ratchet,bootindex=1"]
    if block_log is None:
        return ["-drive", f"file={disk},format=raw,if=none,id=disk", *device]
    block_log.write_bytes(b"")
    recorder = "driver=blklogwrites,node-name=disk,file=medium,log=log,log-sector-size=512"
    return [
        *("-blockdev", f"driver=file,node-name=medium,filename={disk}"),
        *("-blockdev", f"driver=file,node-name=log,filename={block_log}"),
        *("-blockdev", recorder, *device),
    ]
