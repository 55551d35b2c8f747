"""GRUB with the fragment ``integration/grub/ratchet.cfg``, byte for byte, after GRUB's own sources.

It shares no code with the boot control, and ``tests/bootcontrol/test_grub_emulator.py`` compares it with
the real GRUB.
"""

import hashlib
from typing import NamedTuple

from ota_client.errors import BootControlError, StorageError

SIGNATURE = b"# GRUB Environment Block\n"
PLACES = ("first", "second")
PARTS = ("", "_state", "_args")
DIGITS = b"0123456789abcdefABCDEF"


class Choice(NamedTuple):
    """What to start, and what to start where that cannot be loaded; empty where there is nothing."""

    slot: str
    args: str
    next_slot: str
    next_args: str


class GrubLoader:
    """The boot loader of the boot control ``grub``.

    Args:
        folder: what the fragment calls ``ratchet_dir``.
    """

    def __init__(self, folder):
        self._folder = folder

    def prepare(self, storage):
        """Nothing: ``provision`` makes all files."""

    def start(self, storage):
        choice = self.decide(storage)
        if not choice.slot:
            raise BootControlError("expected a bootable slot, got none; the device does not start")
        return choice.slot

    def decide(self, storage):
        """What the fragment sets."""
        state = self._state(storage)
        first, second = ([state.get(f"ratchet_{p}{what}", "") for what in PARTS] for p in PLACES)
        good = [(slot, args) for slot, standing, args in (first, second) if standing == "good"]
        if first[1] == "trial" and self._take_try(storage, state.get("ratchet_trial", "")):
            good.insert(0, (first[0], first[2]))
        return Choice(*good[0] if good else ("", ""), *good[1] if len(good) > 1 else ("", ""))

    def _state(self, storage):
        newest, state = 0, {}
        for copy in (0, 1):
            if not self._checks(self._read(storage, f"ratchet-{copy}.sum"), storage):
                continue
            found = load_env(self._read(storage, f"ratchet-{copy}.env")) or {}
            sequence = number(found.get("ratchet_sequence", "0"))
            if sequence > newest:
                newest, state = sequence, found
        return state

    def _checks(self, checksums, storage):
        """``[ -s FILE ]`` and ``sha256sum --check FILE --prefix FOLDER``."""
        lines = checksums.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        return bool(lines) and all(self._matches(line, storage) for line in lines)

    def _matches(self, line, storage):
        digits, blanks, name = line[:64], line[64:66], line[66:].partition(b"\0")[0]
        if (
            not set(digits) <= set(DIGITS)
            or len(digits) != 64
            or blanks.strip(b" \t")
            or len(blanks) < 2
        ):
            return False
        path = f"{self._folder}/{name.decode('latin-1')}"
        if not storage.exists(path):
            return False
        data = self._read(storage, name.decode("latin-1"))
        return hashlib.sha256(data).digest() == bytes.fromhex(digits.decode())

    def _take_try(self, storage, trial):
        block = self._read(storage, "ratchet-tries.env")
        count = load_env(block)
        if count is None or not count.get("ratchet_tries_of"):
            return False
        left = count.get("ratchet_tries", "") if count["ratchet_tries_of"] == trial else "3"
        if left not in {"1", "2", "3"}:
            return False
        less = {"ratchet_tries_of": trial, "ratchet_tries": str(int(left) - 1)}
        changed = save_env(block, less)
        if changed is None:
            return False
        # GRUB does not flush the disk's cache
        with storage.open(f"{self._folder}/ratchet-tries.env", writable=True) as file:
            file.write_at(0, changed)
        return less.items() <= load_env(changed).items()

    def _read(self, storage, name):
        try:
            with storage.open(f"{self._folder}/{name}", writable=False) as file:
                return file.read_at(0, file.size_bytes)
        except StorageError:
            return b""


def load_env(block):
    """What ``load_env`` sets; None where it fails."""
    if not block.startswith(SIGNATURE):
        return None
    found = {}
    for name, value, _, _ in variables(block):
        plain, escaped = bytearray(), False
        for byte in value:
            escaped = byte == ord("\\") and not escaped
            if not escaped:
                plain.append(byte)
        found[c_string(name)] = c_string(bytes(plain))
    return found


def save_env(block, values):
    """The block after ``save_env``; None where it does not fit."""
    for name, value in values.items():
        block = set_variable(block, name.encode(), value.encode())
        if block is None:
            return None
    return block


def set_variable(block, name, value):
    room = block.rstrip(b"#")
    if not room.endswith(b"\n"):
        return None
    for found, _, start, end in variables(block):
        if found == name:
            changed = room[:start] + value + room[end:]
            break
    else:
        changed = room + name + b"=" + value + b"\n"
    return changed.ljust(len(block), b"#") if len(changed) <= len(block) else None


def variables(block):
    """Each variable as it stands: its name, its escaped value, and where that begins and ends."""
    at = len(SIGNATURE)
    while at < len(block):
        comment = block[at : at + 1] == b"#"
        start = at if comment else block.find(b"=", at) + 1
        if not comment and start == 0:
            return
        end = start
        while end < len(block) and block[end : end + 1] != b"\n":
            end += 2 if block[end : end + 1] == b"\\" else 1
        if end >= len(block):
            return
        if not comment:
            yield block[at : start - 1], block[start:end], start, end
        at = end + 1


def number(text):
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return int(digits or "0")


def c_string(data):
    return data.partition(b"\0")[0].decode("latin-1")
