"""U-Boot over a simulated disk: reads and writes the environment's bytes itself, and decides by script.

Nothing here is the back end's code. ``test_real_uboot.py`` holds it against U-Boot itself.
"""

import zlib
from dataclasses import dataclass

from ota_client.disk.storage import Storage
from ota_client.errors import BootControlError

SIZE = 0x1000
PATHS = ("/boot/environment", "/boot/environment-redundant")
# what a board has in its environment beside the slots
FOREIGN = {"bootcmd": "run distro_bootcmd", "ethaddr": "52:54:00:12:34:56", "bootdelay": "0"}


def pack(variables: dict[str, str], flag: int | None, size: int = SIZE) -> bytes:
    """A copy, as U-Boot's env_export makes it: sorted; None makes one of a single copy."""
    head = b"" if flag is None else bytes([flag])
    data = b"".join(f"{k}={v}\0".encode() for k, v in sorted(variables.items()) if v) + b"\0"
    data = data.ljust(size - 4 - len(head), b"\0")
    return zlib.crc32(data).to_bytes(4, "little") + head + data


def unpack(raw: bytes, *, flagged: bool = True) -> dict[str, str] | None:
    """A copy's variables; None if its checksum is wrong."""
    data = raw[5 if flagged else 4 :]
    if len(raw) < 5 or int.from_bytes(raw[:4], "little") != zlib.crc32(data):
        return None
    entries = data[: data.index(b"\0\0")].decode().split("\0") if data[0] else []
    return dict(entry.split("=", 1) for entry in entries)


def newer(raws: list[bytes]) -> int | None:
    """Which of two copies counts (env/common.c, env_check_redund)."""
    valid = [unpack(raw) is not None for raw in raws]
    first, second = (raw[4] if ok else 0 for raw, ok in zip(raws, valid, strict=True))
    if not all(valid):
        return valid.index(True) if any(valid) else None
    if (first, second) == (255, 0):
        return 1
    if (first, second) == (0, 255):
        return 0
    return 1 if second > first else 0


@dataclass
class Choice:
    """What a script does with an environment.

    Attributes:
        slot: what it starts; None where it resets.
        save: whether it saves the environment before.
    """

    slot: str | None
    save: bool


def ratchet_script(env: dict[str, str]) -> Choice:
    """``integration/u-boot/boot.cmd``."""
    _defaults(env)
    good = env.get("ratchet_good", "").split()
    for slot in env["BOOT_ORDER"].split():
        if slot in good:
            return Choice(slot, save=False)
        if int(env[f"BOOT_{slot}_LEFT"], 16) > 0:
            _take_try(env, slot)
            return Choice(slot, save=True)
    env["BOOT_A_LEFT"] = env["BOOT_B_LEFT"] = "3"
    env["BOOT_ORDER"] = " ".join(good) or env["BOOT_ORDER"]
    return Choice(None, save=True)


def rauc_script(env: dict[str, str]) -> Choice:
    """RAUC's contrib/uboot.sh: every start takes a try; without any left, all are renewed."""
    _defaults(env)
    for slot in env["BOOT_ORDER"].split():
        if int(env[f"BOOT_{slot}_LEFT"], 16) > 0:
            _take_try(env, slot)
            return Choice(slot, save=True)
    env["BOOT_A_LEFT"] = env["BOOT_B_LEFT"] = "3"
    return Choice(None, save=True)


def bootcount_script(env: dict[str, str]) -> Choice:
    """CONFIG_BOOTCOUNT_ENV (drivers/bootcount, common/autoboot.c) and ``bootcount.env``."""
    env.setdefault("BOOT_ORDER", "A B")
    counting = env.get("upgrade_available", "0") != "0"
    count = int(env.get("bootcount", "0")) + 1 if counting else 1
    limit = int(env.get("bootlimit", "0"))
    if counting:
        env["bootcount"] = str(count)
    order = env["BOOT_ORDER"].split()
    alternative = bool(limit) and count > limit
    return Choice(order[1] if alternative and len(order) > 1 else order[0], save=counting)


def _defaults(env: dict[str, str]) -> None:
    for name, value in (("BOOT_ORDER", "A B"), ("BOOT_A_LEFT", "3"), ("BOOT_B_LEFT", "3")):
        if not env.get(name):
            env[name] = value


def _take_try(env: dict[str, str], slot: str) -> None:
    env[f"BOOT_{slot}_LEFT"] = f"{int(env[f'BOOT_{slot}_LEFT'], 16) - 1:x}"


class UBoot:
    """U-Boot with a script, over one copy or two.

    Args:
        script: decides from the variables, which it may change.
        paths: of the copies.
        boolean: whether it marks the copies active and obsolete (env/flash.c).
    """

    def __init__(self, script, paths: tuple[str, ...] = PATHS, *, boolean: bool = False) -> None:
        self._script, self._paths, self._boolean = script, paths, boolean

    def prepare(self, storage: Storage) -> None:
        """Save the board's environment, as ``saveenv`` in the factory does."""
        for number, path in enumerate(self._paths):
            flag = int(not (number and self._boolean)) if len(self._paths) > 1 else None
            storage.create(path, pack(FOREIGN, flag))

    def start(self, storage: Storage) -> str:
        """Start a slot; a script that resets is started again."""
        for _ in range(2):
            current, env = self._load(storage)
            choice = self._script(env)
            if choice.save:
                self._save(storage, current, env)
            if choice.slot is not None:
                return choice.slot
        raise BootControlError("expected a slot that starts, got a U-Boot that resets for ever")

    def _load(self, storage: Storage) -> tuple[int | None, dict[str, str]]:
        raws = [self._raw(storage, path) for path in self._paths]
        if len(raws) == 1:
            return 0, unpack(raws[0], flagged=False) or {}
        current = newer_boolean(raws) if self._boolean else newer(raws)
        return current, ({} if current is None else unpack(raws[current]) or {})

    def _save(self, storage: Storage, current: int | None, env: dict[str, str]) -> None:
        if len(self._paths) == 1:
            self._write(storage, 0, 0, pack(env, None))
            return
        flag = 0 if current is None else self._raw(storage, self._paths[current])[4]
        number = 0 if current is None else 1 - current
        self._write(storage, number, 0, pack(env, 1 if self._boolean else (flag + 1) % 256))
        if self._boolean:
            self._write(storage, 1 - number, 4, b"\0")

    def _raw(self, storage: Storage, path: str) -> bytes:
        with storage.open(path, writable=False) as file:
            return file.read_at(0, SIZE)

    def _write(self, storage: Storage, number: int, offset: int, data: bytes) -> None:
        with storage.open(self._paths[number], writable=True) as file:
            file.write_at(offset, data)
            file.sync()


def newer_boolean(raws: list[bytes]) -> int | None:
    """Which copy counts where the flags are 1, active, and 0, obsolete (env/flash.c)."""
    valid = [unpack(raw) is not None for raw in raws]
    if not all(valid):
        return valid.index(True) if any(valid) else None
    flags = (raws[0][4], raws[1][4])
    if flags == (0, 1):
        return 1
    if flags[0] == flags[1] or flags == (1, 0) or flags[0] == 0xFF:
        return 0
    return 1
