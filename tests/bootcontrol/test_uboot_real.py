"""The shipped scripts in Debian's U-Boot: it decides and writes as the model of the power cuts does."""

from pathlib import Path

import pytest
from support.boot_loaders.uboot import newer, pack, ratchet_script, unpack
from uboot_machine import COPIES, MISSING, SIZE, UBootMachine

from ota_client.bootcontrol.settings import BootSettings
from ota_client.disk.storage import DiskStorage
from ota_client.errors import ConfigError
from ota_client.formats.strict import Fields

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(MISSING), reason=f"install {', '.join(MISSING)} (make packages)"),
]

INTEGRATION = Path(__file__).parents[2] / "integration/u-boot"
BLANK = b"\xff" * SIZE
TRIAL = {
    "BOOT_ORDER": "B A",
    "BOOT_A_LEFT": "3",
    "BOOT_B_LEFT": "2",
    "BOOT_B_ARGS": "roothash=ab12",
    "ratchet_good": "A",
    "ratchet_id": "12345678",
}
OTHER = {"BOOT_ORDER": "A", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "0", "ratchet_good": "A"}


def copy(variables, flag):
    return pack(variables, flag, SIZE)


def torn(raw, sectors):
    return raw[: sectors * 512] + BLANK[sectors * 512 :]


def last_try(left):
    return {**TRIAL, "BOOT_B_LEFT": left}


ENVIRONMENTS = {
    "the first counts": (copy(TRIAL, 2), copy(OTHER, 1)),
    "the second counts": (copy(OTHER, 1), copy(TRIAL, 2)),
    "0 follows 255, first": (copy(TRIAL, 0), copy(OTHER, 255)),
    "0 follows 255, second": (copy(OTHER, 255), copy(TRIAL, 0)),
    "255 follows 254": (copy(TRIAL, 255), copy(OTHER, 254)),
    "equal flags": (copy(TRIAL, 7), copy(OTHER, 7)),
    "128 and 127": (copy(OTHER, 127), copy(TRIAL, 128)),
    "the first is blank": (BLANK, copy(TRIAL, 9)),
    "the second is torn": (copy(TRIAL, 9), torn(copy(OTHER, 10), 5)),
    "the newer is torn before its flag": (copy(TRIAL, 9), b"\0\0\0\0" + copy(OTHER, 10)[4:]),
    "both are blank": (BLANK, BLANK),
    "both are zero": (bytes(SIZE), bytes(SIZE)),
    "both are torn": (torn(copy(TRIAL, 9), 1), torn(copy(OTHER, 10), 3)),
    "the last try": (copy(last_try("1"), 1), copy(OTHER, 0)),
    "no try left": (copy(last_try("0"), 1), copy(OTHER, 0)),
    "no try left, none confirmed": (
        copy({"BOOT_ORDER": "B A", "BOOT_A_LEFT": "0", "BOOT_B_LEFT": "0"}, 1),
        copy(OTHER, 0),
    ),
    "the confirmed slot is not in the order": (
        copy({**last_try("0"), "BOOT_ORDER": "B"}, 1),
        copy(OTHER, 0),
    ),
    "both are confirmed": (copy({**TRIAL, "ratchet_good": "A B"}, 1), copy(OTHER, 0)),
    "tries are hexadecimal": (copy(last_try("a"), 1), copy(OTHER, 0)),
    "tries are missing": (copy({"BOOT_ORDER": "B A"}, 1), copy(OTHER, 0)),
}


def modelled(copies):
    """What the model would do: the slot it starts, and the copies it leaves."""
    current = newer(list(copies))
    variables = {} if current is None else unpack(copies[current])
    choice = ratchet_script(variables)
    after = list(copies)
    if choice.save:
        flag = 0 if current is None else copies[current][4]
        after[0 if current is None else 1 - current] = copy(variables, (flag + 1) % 256)
    return choice.slot, tuple(after)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    found = UBootMachine(tmp_path_factory.mktemp("board"), INTEGRATION / "boot.cmd")
    found.put_flash(ratchet_env_part="2")
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_u_boot_decides_and_writes_as_the_model_does(name, machine):
    machine.put(ENVIRONMENTS[name])
    start = machine.start()
    slot, after = modelled(ENVIRONMENTS[name])
    assert start.slots[:1] == ([slot] if slot else []), start.said
    if start.slots[:1] and "did not start" in start.said and slot not in _confirmed(after):
        assert start.slots == [slot], "a slot on trial that does not start is a reset"
    if slot not in _confirmed(after):
        assert machine.copies() == after
    assert "Unknown command" not in start.said


def _confirmed(copies):
    current = newer(list(copies))
    return (unpack(copies[current]) or {}).get("ratchet_good", "").split()


def control(machine, booted="A"):
    lines = [f"{machine.disk} {offset:#x} {SIZE:#x}" for offset in COPIES]
    table = Fields({"control": "u-boot", "environment": lines}, "boot", ConfigError)
    return BootSettings.read(table, Path).open(DiskStorage(), ("A", "B"), lambda: booted)


def test_u_boot_and_the_boot_control_take_turns(machine):
    machine.put((copy({"unknown": "to the script"}, 254), BLANK))
    ours = control(machine)
    ours.provision("A")
    ours.set_unbootable("B")
    ours.activate("B", "roothash=00ff")
    for left in (2, 1, 0):
        start = machine.start()
        assert start.slots == ["B"]
        assert "roothash=00ff" in start.arguments[0]
        assert ours.canary(start.arguments[0])
        assert ours.status().slots["B"].tries_left == left
    assert machine.start().slots[0] == "A"
    ours.settle()
    ours.activate("B")
    assert machine.start().slots == ["B"]
    control(machine, "B").mark_good("B")
    before = machine.copies()
    assert machine.start().slots == ["B", "A"], "without a kernel, the next confirmed slot"
    assert machine.copies() == before


@pytest.mark.parametrize(
    "arguments",
    [
        'dm-mod.create="root,,,ro,0 8192 verity 1 253:1 253:2 4096 4096 1024 1 sha256 ab cd"',
        "a.b=c,d:e/f@g%h^i~j!k*l?m[n]o{p}q(r)=s+t",
    ],
)
def test_kernel_arguments_reach_the_kernel_as_they_were_given(arguments, machine):
    machine.put((copy(OTHER, 1), copy(OTHER, 0)))
    control(machine).activate("B", arguments)
    for _ in range(2):  # as user space wrote them, and as U-Boot wrote them back
        assert f" {arguments} ratchet.slot=B " in machine.start().arguments[0]


def test_saveenv_saves_the_try_and_nothing_of_the_script_s_own(tmp_path):
    board = UBootMachine(tmp_path, INTEGRATION / "boot.cmd")
    board.put_flash(**TRIAL)
    start = board.start()
    # QEMU's flash may time out in its last sector: a slot whose try is not saved is not started
    assert start.slots[0] == ("A" if "Failed (1)" in start.said else "B")
    written = board.flash_environment()[4:].split(b"\0\0")[0].decode().split("\0")
    saved = dict(entry.split("=", 1) for entry in written)
    assert saved.items() >= {**TRIAL, "BOOT_B_LEFT": "1"}.items()
    assert {name for name in saved if name.startswith(("ratchet", "boot"))} == {
        *("ratchet_id", "ratchet_good", "bootcmd", "bootdelay")
    }


@pytest.mark.parametrize(("order", "first", "second"), [("B A", "B", "A"), ("A", "A", "A")])
def test_bootcmd_starts_the_first_slot_and_altbootcmd_the_second(order, first, second, tmp_path):
    board = UBootMachine(tmp_path, INTEGRATION / "boot.cmd")
    text = (INTEGRATION / "bootcount.env").read_text()
    shipped = dict(line.split("=", 1) for line in text.splitlines() if line[0] != "#")
    facts = {
        "BOOT_ORDER": order,
        "BOOT_B_ARGS": 'x="y z"',
        "ratchet_id": "12345678",
        "ratchet_devtype": "nvme",
    }
    for command, slot in (("bootcmd", first), ("altbootcmd", second)):
        started = f"pci enum; nvme scan; {shipped[command]}"
        board.put_flash(**{**shipped, **facts, "bootcmd": started})
        start = board.start()
        assert start.slots == [slot], start.said
        assert ('x="y z"' in start.arguments[0]) == (slot == "B")
        assert "ratchet.env=12345678" in start.arguments[0]
