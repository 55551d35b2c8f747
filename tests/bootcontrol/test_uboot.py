"""The boot control ``u-boot``: its conventions, its settings, its canary."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.models import MODELS
from support.boot_loaders.uboot import (
    FOREIGN,
    PATHS,
    SIZE,
    UBoot,
    newer,
    pack,
    ratchet_script,
    rauc_script,
    unpack,
)
from support.episodes import Episode

from ota_client.bootcontrol.settings import BootSettings
from ota_client.errors import BootControlError, ConfigError, InstallError
from ota_client.formats.strict import Fields
from ota_client.testing import SimulatedStorage, Written

UBOOT = [name for name in MODELS if name.startswith("u-boot")]
LINES = [f"{path} 0x0 {SIZE:#x}" for path in PATHS]
NEW = {path: pack(FOREIGN, number, SIZE) for number, path in enumerate(PATHS)}
BLANK = dict.fromkeys(PATHS, b"\xff" * SIZE)


def settings(**changes):
    table = {"control": "u-boot", "environment": LINES, **changes}
    fields = Fields({k: v for k, v in table.items() if v is not None}, "boot", ConfigError)
    return BootSettings.read(fields, lambda name: Path(fields.text(name)))


def control(storage, booted="A", slots=("A", "B"), **changes):
    return settings(**changes).open(storage, slots, lambda: booted)


def variables(storage):
    raws = [storage.files()[path] for path in PATHS]
    return unpack(raws[newer(raws)])


def provisioned(**changes):
    storage = SimulatedStorage(NEW)
    control(storage, **changes).provision("A")
    return storage


def updated(script, **changes):
    """A device on which B was activated."""
    storage = provisioned(**changes)
    control(storage, **changes).activate("B")
    return storage, UBoot(script)


def test_each_transition_is_one_write_that_keeps_the_board_s_own_variables():
    storage = SimulatedStorage(NEW)
    found = control(storage)
    for transition in (
        lambda: found.provision("A"),
        lambda: found.set_unbootable("B"),
        lambda: found.activate("B", "roothash=ab12"),
        lambda: found.mark_good("B"),
    ):
        first = len(storage.operations)
        transition()
        assert [type(o).__name__ for o in storage.operations[first:]].count("Written") <= 1
        assert variables(storage).items() >= FOREIGN.items()
    assert variables(storage) == {
        **FOREIGN,
        "BOOT_ORDER": "B A",
        "BOOT_A_LEFT": "3",
        "BOOT_B_LEFT": "3",
        "BOOT_B_ARGS": "roothash=ab12",
        "ratchet_good": "A B",
        "ratchet_id": variables(storage)["ratchet_id"],
    }


@pytest.mark.parametrize("arguments", ["a'b", "a\\b", "$(x)", "a;b", "a\nb", "ä", "a`b`"])
def test_arguments_that_u_boot_would_read_otherwise_are_refused(arguments):
    storage = provisioned()
    before = storage.files()
    with pytest.raises(BootControlError, match=r"^kernel arguments: expected none of "):
        control(storage).activate("B", arguments)
    assert storage.files() == before


def test_a_slot_that_is_activated_without_arguments_has_none_left():
    storage = provisioned()
    control(storage).activate("B", 'dm-mod.create="root,,,ro,0 8 verity 1"')
    assert variables(storage)["BOOT_B_ARGS"] == 'dm-mod.create="root,,,ro,0 8 verity 1"'
    control(storage).activate("B")
    assert "BOOT_B_ARGS" not in variables(storage)


@pytest.mark.parametrize("convention", ["rauc", "bootcount"])
def test_a_confirmed_slot_that_is_activated_again_is_on_trial(convention):
    storage = provisioned(convention=convention)
    found = control(storage, convention=convention)
    found.mark_good("B")
    found.activate("B")
    status = found.status()
    assert (status.primary, status.slots["B"].good, status.slots["B"].tries_left) == ("B", False, 3)
    assert status.slots["A"].good


def test_the_shipped_script_writes_nothing_when_it_starts_a_confirmed_slot():
    storage = provisioned()
    first = len(storage.operations)
    assert [UBoot(ratchet_script).start(storage) for _ in range(9)] == ["A"] * 9
    control(storage).settle()
    assert not [o for o in storage.operations[first:] if isinstance(o, Written)]


@pytest.mark.parametrize("script", [ratchet_script, rauc_script])
def test_a_slot_that_never_comes_up_has_its_tries_and_no_more(script):
    storage, loader = updated(script, tries=2)
    assert [loader.start(storage) for _ in range(3)] == ["B", "B", "A"]
    status = control(storage, tries=2).status()
    assert (status.primary, status.slots["B"].bootable) == ("A", False)


def test_with_rauc_s_own_script_a_device_does_not_fall_back_while_ota_client_runs():
    storage, loader = updated(rauc_script)
    loader.start(storage)
    control(storage, booted="B").mark_good("B")
    for _ in range(10):
        assert loader.start(storage) == "B"
        control(storage, booted="B").settle()


def test_with_rauc_s_own_script_a_failed_slot_is_not_tried_again_when_all_tries_are_renewed():
    storage, loader = updated(rauc_script)
    started = [loader.start(storage) for _ in range(4)]
    control(storage).settle()
    # ota-client does not run for three more starts: the script then renews all tries
    started += [loader.start(storage) for _ in range(8)]
    assert started == ["B", "B", "B"] + ["A"] * 9


def test_when_no_slot_has_tries_left_the_confirmed_one_is_started():
    env = {**FOREIGN, "BOOT_ORDER": "B", "BOOT_B_LEFT": "0", "ratchet_good": "A"}
    storage = SimulatedStorage({path: pack(env, 1) for path in PATHS})
    assert UBoot(ratchet_script).start(storage) == "A"


def test_an_environment_that_was_lost_starts_a_slot_that_can_be_confirmed_again():
    storage = SimulatedStorage(BLANK)
    assert UBoot(ratchet_script).start(storage) == "A"
    found = control(storage)
    status = found.status()
    assert (status.slots["A"].good, status.slots["A"].tries_left) == (False, 2)
    found.mark_good("A")
    found.canary(f"ratchet.env={variables(storage)['ratchet_id']}")
    assert found.status().slots["A"].good


@pytest.mark.parametrize("model", UBOOT)
def test_a_device_that_falls_back_stays_where_it_is_until_the_next_release(model, tmp_path):
    episode = Episode(tmp_path, ("rootfs",), model)
    episode.release("1.1.0", 2)
    episode.install()
    episode.fail_boot()
    device = episode.device
    assert [str(bad.version) for bad in device.client.mark_good().bad_releases] == ["1.1.0"]
    assert [device.boot() for _ in range(3)] == ["A"] * 3


def test_provisioning_keeps_the_environment_and_is_done_once():
    storage = provisioned()
    assert variables(storage).items() >= {**FOREIGN, "BOOT_ORDER": "A", "ratchet_good": "A"}.items()
    before = storage.files()
    with pytest.raises(ConfigError, match=r"no ratchet_id yet, got one: the device was provisioned"):
        control(storage).provision("A")
    assert storage.files() == before


def test_without_a_saved_environment_provisioning_asks_for_one():
    storage = SimulatedStorage(BLANK)
    before = storage.files()
    with pytest.raises(
        ConfigError, match="expected a saved one to add to, got none; save it from U-Boot"
    ):
        control(storage).provision("A")
    assert storage.files() == before


def test_an_initial_environment_is_written_to_both_copies():
    storage = SimulatedStorage({**BLANK, "/initial": b"# board\n\nbootcmd=run x\nbaudrate=9600\n"})
    control(storage, initial_environment="/initial").provision("A")
    both = [unpack(storage.files()[path]) for path in PATHS]
    assert both[0] == both[1]
    assert both[0].items() >= {"bootcmd": "run x", "baudrate": "9600", "BOOT_ORDER": "A"}.items()


def test_the_canary_tells_whether_u_boot_reads_this_environment():
    storage = provisioned()
    found, own = control(storage), variables(storage)["ratchet_id"]
    assert found.canary(f"quiet ratchet.slot=A ratchet.env={own}")
    assert not found.canary("quiet rauc.slot=A")
    for other in ("", "deadbeef"):
        with pytest.raises(BootControlError, match=f"ratchet_id={own}, got one with {other or 'none'}"):
            found.canary(f"ratchet.env={other}")
    elsewhere = [line.replace("0x0", "0x10") for line in LINES]
    moved = SimulatedStorage({path: b"\xff" * 16 + raw for path, raw in NEW.items()})
    control(moved, environment=elsewhere).provision("A")
    with pytest.raises(BootControlError, match="expected it to read the environment with"):
        control(moved, environment=elsewhere).canary(f"ratchet.env={own}")


def test_the_single_copy_warns_at_each_start(caplog):
    storage = SimulatedStorage({PATHS[0]: pack(FOREIGN, None)})
    with caplog.at_level(logging.WARNING):
        control(storage, control="u-boot-unsafe-single-copy", environment=LINES[:1]).provision("A")
    assert "a power cut while the environment is written destroys it" in caplog.text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"environment": LINES[:1]}, "boot: environment: expected 2 copies"),
        (
            {"environment": LINES, "control": "u-boot-unsafe-single-copy"},
            "boot: environment: expected at most 1 entries",
        ),
        ({"flags": "xor"}, "boot: flags: expected incremental or boolean, got 'xor'"),
        ({"convention": "mender"}, "boot: convention: expected rauc or bootcount, got 'mender'"),
        ({"tries": 10}, "boot: tries: expected an integer from 1 to 9"),
        ({"environment": None, "fw_env_config": "/etc/none"}, "boot: expected a file to read, got"),
        ({"environment": None, "fw_env_config": "/bad"}, "/bad: expected text, got no UTF-8"),
    ],
)
def test_wrong_settings_are_one_clear_sentence(changes, expected):
    with pytest.raises(ConfigError) as caught:
        control(SimulatedStorage({**NEW, "/bad": b"\xff"}), **changes)
    assert str(caught.value).startswith(expected)


def test_slots_have_names_that_u_boot_s_variables_can_have():
    with pytest.raises(
        ConfigError, match=r"^slot 'a-b': expected a name that U-Boot's variables can have"
    ):
        control(SimulatedStorage(NEW), slots=("a-b", "B"))


def test_the_places_are_read_from_the_file_that_fw_printenv_reads():
    config = "".join(f"{line}\n" for line in LINES).encode()
    storage = SimulatedStorage({**NEW, "/etc/fw_env.config": config})
    control(storage, environment=None).provision("A")
    assert control(storage).status().primary == "A"


hostile = st.dictionaries(
    st.sampled_from(
        [
            "BOOT_ORDER",
            "BOOT_A_LEFT",
            "BOOT_B_LEFT",
            "ratchet_good",
            "ratchet_id",
            "bootcount",
            "bootlimit",
            "upgrade_available",
        ]
    ),
    st.sampled_from(["A B", "B", "", " ", "C A", "3", "0", "-1", "ffffffff", "9" * 30, "0x", "ä", "1"])
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
)


@pytest.mark.parametrize("convention", ["rauc", "bootcount"])
@given(env=hostile)
def test_any_environment_is_a_boot_state_or_one_clear_sentence(convention, env):
    raw = pack(env, 1)
    found = control(SimulatedStorage(dict.fromkeys(PATHS, raw)), convention=convention)
    problem = ""
    try:
        live(found)
    except InstallError as e:
        problem = str(e)
    assert "\n" not in problem


def live(found):
    status = found.status()
    assert status.primary is None or status.slots[status.primary].bootable
    found.settle()
    found.activate("B")
    assert found.status().primary == "B"
    found.mark_good("A")
    found.set_unbootable("B")
    assert found.status().primary == "A"
    assert not found.status().slots["B"].bootable
