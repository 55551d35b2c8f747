"""The files that GRUB reads: the state in two copies, each with its checksum, and the count of tries.

GRUB replays no journal. After provisioning, therefore, nothing is created, renamed or resized: each file
keeps its blocks, and is written in place.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ota_client.bootcontrol.grub.environment import changed, pack, unpack
from ota_client.bootcontrol.grub.state import TRIES, GrubState
from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError, ConfigError

COPIES: Final = (0, 1)
_LONGEST: Final = 64 * 1024
_WAY_OUT: Final = "is the boot partition mounted? Else provision the device from a slot known to be good"


class GrubFiles:
    """The files in one folder.

    Args:
        storage: the disk.
        folder: where GRUB looks for them.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._folder = folder
        self._durable = 0  # the newest sequence number that this process has made durable

    def create(self, state: GrubState) -> None:
        """Make all files, as they are to stay, and bring them past the file system's journal.

        Raises:
            ConfigError: one of them is there already.
        """
        paths = [self._tries, *map(self._state, COPIES), *map(self._sum, COPIES)]
        for path in paths:
            if self._storage.exists(path):
                raise ConfigError(f"{path}: expected no boot state yet, got one; remove it first")
        self._storage.create(self._tries, _pack_tries(state.trial, 0))
        block = pack(state.to_variables())
        for copy in COPIES:
            self._storage.create(self._state(copy), block)
            self._storage.create(self._sum(copy), _checksum(copy, block))
        self._storage.flush_journal(self._tries)

    def read(self) -> GrubState:
        """The state that GRUB goes by.

        Raises:
            BootControlError: neither copy is good.
        """
        _, state = self._newest()
        return state

    def settled(self) -> GrubState:
        """The state that GRUB goes by, durable."""
        copy, state = self._newest()
        if state.sequence != self._durable:
            # a killed agent may have left it in the page cache alone, and the next write goes over the
            # copy that is on the medium (D01)
            self._sync(self._state(copy))
            self._sync(self._sum(copy))
            state = self.read()
            self._durable = state.sequence
        return state

    def write(self, state: GrubState) -> None:
        """Replace the older copy; the write of its checksum is the one that counts."""
        copy, _ = self._newest()
        older, block = 1 - copy, pack(state.to_variables())
        self._put(self._state(older), block)
        self._put(self._sum(older), _checksum(older, block))
        self._durable = state.sequence

    def tries_left(self, trial: int) -> int:
        """How often GRUB still tries the slot on this trial; a damaged file counts as none."""
        data = self._get(self._tries)
        try:
            left = _tries(unpack(data), trial)
            less = _count(trial, left - 1)
            # GRUB starts the slot only if one try less reads back
            return left if less.items() <= unpack(changed(data, less)).items() else 0
        except BootControlError:
            return 0

    def sync_tries(self) -> None:
        """Make GRUB's count durable: GRUB does not flush the disk's cache."""
        self._sync(self._tries)

    def mend_tries(self, trial: int) -> None:
        """Make the count's file one that GRUB can write to, with no more tries than it has."""
        data = self._get(self._tries)
        try:
            count = unpack(data)
            sound = list(count) == ["ratchet_tries_of", "ratchet_tries"] and pack(count) == data
        except BootControlError:
            sound = False
        if not sound:
            self._put(self._tries, _pack_tries(trial, self.tries_left(trial)))

    @property
    def _tries(self) -> str:
        return str(self._folder / "ratchet-tries.env")

    def _state(self, copy: int) -> str:
        return str(self._folder / _state_name(copy))

    def _sum(self, copy: int) -> str:
        return str(self._folder / f"ratchet-{copy}.sum")

    def _newest(self) -> tuple[int, GrubState]:
        blocks = [(copy, self._block(copy)) for copy in COPIES]
        states = [(copy, GrubState.from_variables(unpack(block))) for copy, block in blocks if block]
        if not states:
            raise BootControlError(
                f"{self._folder}: expected a good copy of the boot state, ratchet-0.env or "
                f"ratchet-1.env, got none; {_WAY_OUT}"
            )
        return max(states, key=lambda found: found[1].sequence)

    def _block(self, copy: int) -> bytes | None:
        """A copy, or None where its checksum does not hold."""
        paths = self._state(copy), self._sum(copy)
        if not all(map(self._storage.exists, paths)):
            return None
        block, checksum = map(self._get, paths)
        return block if block and checksum == _checksum(copy, block) else None

    def _get(self, path: str) -> bytes:
        with self._storage.open(path, writable=False) as file:
            return file.read_at(0, _LONGEST)

    def _put(self, path: str, data: bytes) -> None:
        with self._storage.open(path, writable=True) as file:
            if file.size_bytes != len(data):
                # another size would move its end into the journal, where GRUB does not look
                raise BootControlError(
                    f"{path}: expected a file of {len(data)} bytes, got {file.size_bytes}; {_WAY_OUT}"
                )
            file.write_at(0, data)
            file.sync()

    def _sync(self, path: str) -> None:
        with self._storage.open(path, writable=False) as file:
            file.sync()


def _state_name(copy: int) -> str:
    return f"ratchet-{copy}.env"


def _checksum(copy: int, block: bytes) -> bytes:
    """One line of ``sha256sum``; at most a sector, and all but its digits the same for ever."""
    return f"{hashlib.sha256(block).hexdigest()}  {_state_name(copy)}\n".encode()


def _tries(count: Mapping[str, str], trial: int) -> int:
    counted, left = count.get("ratchet_tries_of", ""), count.get("ratchet_tries", "")
    if counted and counted != str(trial):
        return TRIES
    return int(left) if counted and left in {"1", "2", "3"} else 0


def _count(trial: int, left: int) -> dict[str, str]:
    return {"ratchet_tries_of": str(trial), "ratchet_tries": str(left)}


def _pack_tries(trial: int, left: int) -> bytes:
    return pack(_count(trial, left))
