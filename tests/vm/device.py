"""One device of the test: a disk, a TPM and a board, switched on and off as often as the test likes."""

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from vm.disk_image import copy_disk
from vm.machine import Board, Machine
from vm.tpm import Tpm

from ota_client.disk.record import COPIES, Record
from ota_client.disk.storage import DiskStorage
from ota_client.state import DeviceState, StateStore

# between the report and what is told to people: the serial line has one stream
_BETWEEN: Final = "-- said:"


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``ota-client --json`` answered.

    Attributes:
        exit_code: 0 for done.
        fields: its report.
        said: what it told people, on standard error.
    """

    exit_code: int
    fields: Mapping[str, object]
    said: str

    @property
    def error(self) -> str:
        """The error's code; empty if there was none."""
        error = self.fields.get("error", {})
        assert isinstance(error, dict)
        return str(error.get("code", ""))


@dataclass(frozen=True, slots=True)
class Device:
    """A disk and a TPM in a folder, and the board that they are plugged into."""

    board: Board
    folder: Path

    @property
    def disk(self) -> Path:
        """The disk image."""
        return self.folder / "disk.img"

    @property
    def log(self) -> Path:
        """Everything the device has said on its serial line."""
        return self.folder / "serial.log"

    @property
    def tpm_memory(self) -> Path:
        """The TPM's memory."""
        return self.folder / "tpm"

    def copied(self, folder: Path) -> Self:
        """Another device in the same state."""
        folder.mkdir(parents=True, exist_ok=True)
        copy = type(self)(self.board, folder)
        copy_disk(self.disk, copy.disk)
        copy.put_tpm(self.tpm_memory)
        return copy

    def put_tpm(self, memory: Path) -> None:
        """Give it a TPM with this memory."""
        shutil.rmtree(self.tpm_memory, ignore_errors=True)
        shutil.copytree(memory, self.tpm_memory)

    def on(self, port: int, *, mode: str = "shell", block_log: Path | None = None) -> Machine:
        """Switch it on.

        Args:
            port: where the update server listens on the host.
            mode: ``shell`` to obey ``run``, ``agent`` to live on its own.
            block_log: record every write and flush of the disk.
        """
        tpm = Tpm(self.tpm_memory) if self.board.tpm else None
        return Machine(self.board, self.disk, self.log, port, tpm, mode=mode, block_log=block_log)


def client(machine: Machine, command: str) -> Answer:
    """Run ``ota-client`` in a guest."""
    line = (
        f"ota-client --json {command} 2>/run/said; code=$?; echo {_BETWEEN}; cat /run/said; exit $code"
    )
    ran = machine.run(line)
    report, _, said = ran.output.partition(_BETWEEN)
    return Answer(ran.exit_code, json.loads(report or "{}"), said.strip())


def status(machine: Machine) -> Mapping[str, object]:
    """What the device says of itself."""
    answer = client(machine, "status")
    assert answer.exit_code == 0, answer.said
    return answer.fields


def point(machine: Machine, port: int) -> None:
    """Make a guest ask the server on another port."""
    told = machine.run(f"sed s/@PORT@/{port}/ /etc/ratchet/ota-client.toml >/run/ota-client.toml")
    assert told.exit_code == 0, told.output


def remembered(machine: Machine) -> DeviceState:
    """What the device believes that it has made durable."""
    with TemporaryDirectory() as folder:
        for copy in COPIES:
            shown = machine.run(f"base64 /data/ratchet/state.{copy}")
            Path(folder, f"state.{copy}").write_bytes(base64.b64decode(shown.output))
        return StateStore(Record(DiskStorage(), f"{folder}/state")).load()
