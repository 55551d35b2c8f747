"""The boot control ``efi``: what it writes, and what the firmware makes of that."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.efi import (
    FOLDER,
    GUID,
    PATHS,
    PERSISTENT,
    Firmware,
    load_option,
    path,
    variables,
)

from ota_client.bootcontrol.efi.control import TRIAL, VENDOR
from ota_client.bootcontrol.efi.load_option import LoadOption
from ota_client.bootcontrol.settings import BootSettings
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields
from ota_client.testing import SimulatedStorage

OPTIONS = "root=PARTLABEL=rootfs-{slot} ro"
OURS = str(Path(FOLDER) / f"{TRIAL}-{VENDOR}")


def boot_settings(**changes):
    table = {"control": "efi", "efivars": FOLDER, "options": OPTIONS, **changes}
    fields = Fields({k: v for k, v in table.items() if v is not None}, "boot", ConfigError)
    return BootSettings.read(fields, lambda name: Path(fields.text(name)))


def control(storage, slots=("A", "B"), **changes):
    return boot_settings(**changes).open(storage, slots)


def provisioned(**changes):
    storage = SimulatedStorage(variables())
    control(storage, **changes).provision("A")
    return storage


def on_trial(**changes):
    storage = provisioned(**changes)
    control(storage, **changes).activate("B")
    return storage


def content(storage, name):
    data = storage.files().get(path(name))
    return None if data is None else data[4:]


def order(storage):
    data = content(storage, "BootOrder")
    return struct.unpack(f"<{len(data) // 2}H", data)


def tries(storage, slot="B"):
    return control(storage).status().slots[slot].tries_left


def test_a_provisioned_device_has_the_running_slot_first_and_the_other_not_at_all():
    storage = provisioned()
    assert order(storage) == (1, 3)
    status = control(storage).status()
    assert (status.booted, status.primary) == ("A", "A")
    assert status.slots["A"].good
    assert not status.slots["B"].bootable
    assert Firmware().start(storage) == "A"


def test_provisioning_leaves_the_options_that_the_running_slot_came_up_with():
    storage = provisioned(options=None)
    assert content(storage, "Boot0001") == variables()[path("Boot0001")][4:]


def test_a_device_is_provisioned_once():
    with pytest.raises(ConfigError, match="remove it"):
        control(provisioned()).provision("A")


def test_an_activated_slot_is_started_once_and_the_firmware_falls_back_by_itself():
    storage = on_trial()
    assert control(storage).status().primary == "B"
    assert [Firmware().start(storage) for _ in range(3)] == ["B", "A", "A"]


def test_each_fallback_is_followed_by_another_try_until_three_are_gone():
    storage = on_trial()
    started, left = [], []
    for _ in range(8):
        started.append(Firmware().start(storage))
        control(storage).settle()
        left.append(tries(storage))
    assert "".join(started) == "BABABAAA"
    assert left == [2, 2, 1, 1, 0, 0, 0, 0]
    assert not control(storage).status().slots["B"].bootable


def test_settling_is_repeated_without_a_write():
    storage = on_trial()
    Firmware().start(storage)
    Firmware().start(storage)
    control(storage).settle()
    done = len(storage.operations)
    control(storage).settle()
    assert len(storage.operations) == done
    assert tries(storage) == 2


def test_settling_leaves_alone_what_somebody_asked_of_the_firmware():
    storage = on_trial()
    Firmware().start(storage)
    Firmware().start(storage)
    storage.replace(path("BootNext"), PERSISTENT + struct.pack("<H", 3))
    control(storage).settle()
    assert content(storage, "BootNext") == struct.pack("<H", 3)
    assert control(storage).status().primary is None


def test_a_confirmed_slot_goes_first_and_the_others_keep_their_place():
    storage = on_trial()
    Firmware().start(storage)
    control(storage).mark_good("B")
    assert order(storage) == (2, 1, 3)
    control(storage).settle()
    assert [Firmware().start(storage) for _ in range(2)] == ["B", "B"]
    control(storage).set_unbootable("A")
    assert order(storage) == (2, 3)


def test_a_slot_given_up_is_neither_next_nor_asked_for():
    storage = on_trial()
    control(storage).set_unbootable("B")
    control(storage).settle()
    assert content(storage, "BootNext") is None
    assert Firmware().start(storage) == "A"


def test_the_kernel_gets_the_options_and_the_arguments_of_its_slot():
    storage = provisioned()
    control(storage).activate("B", "roothash=0a0b")
    option = LoadOption.parse(content(storage, "Boot0002"), "Boot0002")
    assert option.options == "root=PARTLABEL=rootfs-B ro roothash=0a0b\0".encode("utf-16-le")
    assert (option.description, option.file_paths) == ("ratchet-B", PATHS)
    assert Firmware().start(storage) == "B"


def test_without_options_the_entries_keep_theirs_and_take_no_arguments():
    storage = provisioned(options=None)
    before = content(storage, "Boot0002")
    control(storage, options=None).activate("B")
    assert content(storage, "Boot0002") == before
    with pytest.raises(BootControlError, match="options"):
        control(storage, options=None).activate("B", "roothash=0a0b")


def test_an_entry_that_the_firmware_would_skip_is_made_active():
    files = variables()
    files[path("Boot0002")] = PERSISTENT + load_option("ratchet-B", attributes=0)
    storage = SimulatedStorage(files)
    control(storage).provision("A")
    control(storage).activate("B")
    assert Firmware().start(storage) == "B"


@pytest.mark.parametrize("arguments", ["a\nb", "\u00e4", "\0", "x" * 5000])
def test_arguments_that_are_no_words_are_refused(arguments):
    with pytest.raises(BootControlError):
        control(provisioned()).activate("B", arguments)


def test_nothing_is_written_that_is_there_already():
    storage = provisioned()
    done = len(storage.operations)
    control(storage).mark_good("A")
    control(storage).set_unbootable("B")
    assert len(storage.operations) == done


def test_entries_may_be_named_by_their_numbers():
    files = variables()
    files[path("Boot0007")] = files[path("Boot0002")]
    storage = SimulatedStorage(files)
    with pytest.raises(BootControlError, match="Boot0002, Boot0007"):
        control(storage).provision("A")
    named = {"entries": {"A": "0001", "B": "0007"}}
    control(storage, **named).provision("A")
    control(storage, **named).activate("B")
    assert content(storage, "BootNext") == struct.pack("<H", 7)
    Firmware().start(storage)
    assert control(storage, **named).status().booted == "B"


def test_a_slot_without_an_entry_is_an_error_that_names_it():
    files = variables()
    del files[path("Boot0002")]
    with pytest.raises(BootControlError, match="ratchet-B, got none"):
        control(SimulatedStorage(files)).provision("A")


@pytest.mark.parametrize(
    "changes",
    [
        {"entries": {"A": "1"}},
        {"entries": {"A": "000G", "B": "0001"}},
        {"options": "root=/dev/sda1"},
        {"options": "a\n{slot}"},
    ],
)
def test_settings_that_would_not_do_are_refused(changes):
    with pytest.raises(ConfigError):
        boot_settings(**changes)


def test_entries_must_be_those_of_the_slots():
    with pytest.raises(ConfigError, match="A, B"):
        control(SimulatedStorage({}), entries={"A": "0001", "C": "0002"})


@pytest.mark.parametrize(
    ("current", "said"),
    [(None, "BootCurrent"), (3, "Boot0003"), (9, "Boot0009"), (10, "Boot000A")],
)
def test_a_device_that_was_started_by_another_entry_says_so(current, said):
    storage = provisioned()
    storage.remove(path("BootCurrent"))
    if current is not None:
        storage.replace(path("BootCurrent"), PERSISTENT + struct.pack("<H", current))
    with pytest.raises(BootControlError, match=said):
        control(storage).status()


def test_a_variable_that_a_killed_agent_began_is_none():
    storage = on_trial()
    Firmware().start(storage)
    storage.replace(path("BootNext"), b"")
    assert control(storage).status().primary == "A"
    control(storage).set_unbootable("B")
    assert content(storage, "BootNext") in {None, b""}


def test_the_last_entry_is_never_taken_out_of_the_order():
    storage = SimulatedStorage(variables(order=(1,)))
    control(storage).provision("A")
    with pytest.raises(BootControlError, match="BootOrder"):
        control(storage).set_unbootable("A")


@given(
    st.sampled_from(["Boot0001", "Boot0002", "Boot0003", "BootOrder", "BootNext", "BootCurrent", ""]),
    st.binary(max_size=40),
    st.integers(0, 40),
)
def test_whatever_a_variable_holds_the_control_refuses_or_answers(name, damage, at):
    files = on_trial().files()
    where = path(name) if name else OURS
    data = files.get(where, b"")
    damaged = {**files, where: data[:at] + damage + data[at + len(damage) :]}
    for verb in ("status", "settle", "set_unbootable", "activate", "mark_good"):
        storage = SimulatedStorage(damaged)
        try:
            getattr(control(storage), verb)(*["B"] * (verb not in {"status", "settle"}))
        except BootControlError as refused:
            one_line = str(refused).isprintable()
        else:
            one_line = True
        assert one_line


options = st.builds(
    LoadOption,
    st.integers(0, 2**32 - 1),
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=20),
    st.just(PATHS) | st.just(PATHS * 2),
    st.binary(max_size=20),
)


@given(options)
def test_an_entry_is_read_as_it_is_written(option):
    assert LoadOption.parse(option.to_bytes(), "Boot0001") == option


@pytest.mark.parametrize(
    "malformed",
    [
        b"",
        b"\1\0\0\0\0\0",
        b"\1\0\0\0\0\0A\0",
        struct.pack("<IH", 1, 99) + b"\0\0" + PATHS,
        struct.pack("<IH", 1, 4) + b"\0\0" + PATHS[:4],
        struct.pack("<IH", 1, 4) + b"\0\0" + b"\4\4\0\0",
        struct.pack("<IH", 1, 0) + b"\0\0",
        struct.pack("<IH", 1, len(PATHS)) + b"\0\xd8\0\0" + PATHS,
    ],
)
def test_a_malformed_entry_is_refused_in_one_sentence(malformed):
    with pytest.raises(BootControlError, match=r"Boot0001: expected a boot entry, got .+"):
        LoadOption.parse(malformed, "Boot0001")


def test_the_variables_names_are_those_of_the_specification():
    assert GUID == "8be4df61-93ca-11d2-aa0d-00e098032b8c"
    assert Path(OURS).name == "RatchetTrial-5b0a0d0c-7d6f-4a5e-9c53-2c1b5e0f7a11"
