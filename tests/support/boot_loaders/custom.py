"""A boot loader that a script drives: it keeps an order and tries, as RAUC's U-Boot script does.

Script and boot loader share one sector; each call is one atomic and durable change of it, as the boot
control ``custom`` asks of a script.
"""

import json
from dataclasses import replace

from ota_client.bootcontrol.custom.control import CustomSettings
from ota_client.errors import BootControlError
from support.boot_loaders.raspberry_pi import BOOT_ID, new_boot_id

STATE = "/boot/script-state"
NAMES = ("system0", "system1")
TRIES, FOREVER = 3, 10_000


class SimulatedSettings(CustomSettings):
    """The settings, with a script that is played instead of run."""

    def open(self, storage, slots, booted):
        return self.open_with(script_over(storage), storage, slots, booted)


def simulated(config):
    """The device's settings, its script replaced."""
    loader = config.boot.loader
    played = SimulatedSettings(**{name: getattr(loader, name) for name in CustomSettings.__slots__})
    return replace(config, boot=replace(config.boot, loader=played))


def script_over(storage, confirmed=FOREVER):
    """The verbs of the protocol; ``confirmed=TRIES`` counts confirmed slots too, as RAUC's does."""

    def call(verb, *names, may_fail=False, **_variables):
        order, left = _load(storage)
        if verb == "get-primary":
            assert may_fail, "this script fails where no slot has a try left"
            return next((name for name in order if left[name] > 0), "")
        if verb == "get-state":
            return "good" if left[names[0]] > 0 else "bad"
        if verb == "set-primary":
            order = [names[0], *(name for name in order if name != names[0])]
            left[names[0]] = TRIES
        elif verb == "set-state" and names[1] == "good":
            order = [*order, *(name for name in names[:1] if name not in order)]
            left[names[0]] = confirmed
        elif verb == "set-state":
            order = [name for name in order if name != names[0]]
            left[names[0]] = 0
        else:
            raise BootControlError(f"{verb}: not in this script")
        _save(storage, order, left)
        return ""

    return call


class CustomLoader:
    """Starts the first slot that has tries left, and takes one before it does.

    Where none is left it gives all of the order their tries again, as RAUC's script does; a slot that is
    bad is not in the order.
    """

    def __init__(self, config):
        self._slots = {name: slot for slot, name in config.boot.loader.bootnames.items()}

    def prepare(self, storage):
        storage.create(STATE, bytes(512))
        storage.create(BOOT_ID, new_boot_id())
        _save(storage, NAMES[:1], dict.fromkeys(NAMES, 0) | {NAMES[0]: FOREVER})

    def start(self, storage):
        order, left = _load(storage)
        if not order:
            raise BootControlError("every slot is bad; the device does not start")
        if not any(left[name] for name in order):
            left |= dict.fromkeys(order, TRIES)
        started = next(name for name in order if left[name] > 0)
        if left[started] != FOREVER:
            left[started] -= 1
            _save(storage, order, left)
        # the kernel makes a new one, in memory
        storage._now[BOOT_ID] = bytearray(new_boot_id())
        return self._slots[started]


def _load(storage):
    order, left = json.loads(storage.files()[STATE].rstrip(b"\0"))
    return order, left


def _save(storage, order, left):
    with storage.open(STATE, writable=True) as file:
        file.write_at(0, json.dumps([list(order), left]).encode().ljust(512, b"\0"))
        file.sync()
