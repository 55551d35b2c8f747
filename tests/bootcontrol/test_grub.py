import subprocess
from pathlib import Path

import pytest
from grub_device import FOLDER, TRIES, GrubDevice, live
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.grub import GrubLoader

from ota_client.bootcontrol.control import SlotBoot
from ota_client.bootcontrol.grub.control import GrubSettings
from ota_client.errors import BootControlError, ConfigError, StorageError
from ota_client.testing import SimulatedStorage, every_cut
from ota_client.testing.storage import Synced, Written

GOOD = SlotBoot(bootable=True, good=True, tries_left=0)
BAD = SlotBoot(bootable=False, good=False, tries_left=0)


def on_trial(tries_left: int) -> SlotBoot:
    return SlotBoot(bootable=tries_left > 0, good=False, tries_left=tries_left)


def slots_of(device) -> tuple[SlotBoot, SlotBoot]:
    status = device.control.status()
    return status.slots["A"], status.slots["B"]


def test_a_device_that_leaves_the_factory_runs_a_good_slot():
    device = GrubDevice()
    assert slots_of(device) == (GOOD, BAD)
    assert device.control.status().primary == device.boot() == "A"


def test_a_slot_on_trial_is_started_three_times_then_the_good_one_for_ever():
    device = GrubDevice()
    device.control.activate("B")
    for left in (2, 1, 0):
        assert device.control.status().primary == device.boot() == "B"
        assert slots_of(device) == (GOOD, on_trial(left))
    for _ in range(3):
        assert device.control.status().primary == device.boot() == "A"
    device.control.mark_good("B")
    assert slots_of(device) == (GOOD, GOOD)
    assert device.control.status().primary == device.boot() == "B"


def test_each_activation_has_all_its_tries():
    device = GrubDevice()
    for _ in range(4):
        device.control.activate("B")
        assert slots_of(device)[1] == on_trial(3)
        device.boot()
        device.boot()
        assert slots_of(device)[1] == on_trial(1)


def test_arguments_stay_with_their_slot_until_it_is_activated_again():
    device = GrubDevice()
    device.control.activate("B", "roothash=0b x=1")
    assert device.choice() == ("B", "roothash=0b x=1", "A", "")
    device.boot()
    device.control.mark_good("B")
    device.control.activate("A", "roothash=0a")
    assert device.choice() == ("A", "roothash=0a", "B", "roothash=0b x=1")
    device.control.set_unbootable("B")
    device.control.mark_good("B")
    assert device.choice()[2:] == ("B", "roothash=0b x=1")
    device.control.activate("B")
    assert device.choice() == ("B", "", "", "")


def test_a_transition_that_changes_nothing_writes_nothing():
    device = GrubDevice()
    device.control.set_unbootable("B")
    device.control.mark_good("A")
    device.control.settle()
    device.control.status()
    before = len(device.storage.operations)
    device.control.set_unbootable("B")
    device.control.mark_good("A")
    assert len(device.storage.operations) == before


def test_what_a_killed_agent_left_in_the_page_cache_is_made_durable_first():
    device = GrubDevice()
    device.control.activate("B")
    device.control = device.open()
    before = len(device.storage.operations)
    device.control.mark_good("A")
    done = device.storage.operations[before:]
    assert [type(operation) for operation in done] == [Synced, Synced]


def test_a_slot_that_was_found_to_have_failed_is_not_started_after_a_cut():
    device = GrubDevice()
    device.control.activate("B")
    for _ in range(4):
        device.boot()
    device.control.settle()
    for cut in every_cut(device.storage.operations, first=len(device.storage.operations)):
        assert GrubDevice(cut.medium(device.storage)).boot() == "A"


def test_a_damaged_count_of_tries_leads_to_the_good_slot_and_is_mended_by_the_next_activation():
    for damage in (b"", b"\xff" * 1024, b"# GRUB Environment Block\n".ljust(1024, b"#")):
        device = GrubDevice()
        device.control.activate("B")
        files = device.storage.files()
        device = GrubDevice({**files, TRIES: damage.ljust(1024, b"\0")})
        assert slots_of(device) == (GOOD, on_trial(0))
        assert device.boot() == "A"
        device.control.activate("B")
        assert slots_of(device)[1] == on_trial(3)
        assert device.boot() == "B"


@given(choose=st.data())
def test_user_space_expects_what_grub_does_in_any_life(choose):
    device = GrubDevice()
    for _ in range(choose.draw(st.integers(0, 20))):
        verb = choose.draw(
            st.sampled_from(["activate", "mark_good", "set_unbootable", "boot", "restart"])
        )
        if verb == "boot" and device.control.status().primary is not None:
            expected = device.control.status().primary
            assert device.boot() == expected
        elif verb == "restart":
            device.control = device.open()
        elif verb != "boot":
            getattr(device.control, verb)(choose.draw(st.sampled_from("AB")))
        status = device.control.status()
        assert (status.primary or "") == device.choice().slot


def test_every_cut_of_every_verb_leaves_the_old_choice_or_the_new_one(record_property):
    device = GrubDevice()
    start = len(device.storage.operations)
    live(device)
    operations = device.storage.operations
    choices = list(choices_after_each(device))
    cuts = 0
    for cut in every_cut(operations, first=start):
        # GRUB's own write is that of a whole sector; where it is lost, the slot has one try more
        if any(operations[number].path == TRIES for number in cut.lost):
            continue
        if cut.torn is not None and operations[cut.done].path == TRIES:
            continue
        after = GrubDevice(cut.medium(device.storage))
        assert after.choice() in choices[min((*cut.lost, cut.done)) : cut.done + 2], cut
        assert after.choice().slot == after.control.status().primary
        cuts += 1
    record_property("cuts", cuts)


def choices_after_each(device):
    """What GRUB would start after no operation, after one, and so on."""
    storage = SimulatedStorage(device.storage.initial)
    for operation in (None, *device.storage.operations):
        if operation is not None:
            storage.apply(operation)
        yield GrubLoader(FOLDER).decide(SimulatedStorage(storage.files()))


def test_each_transition_is_one_write_of_less_than_a_sector_after_its_state_is_durable():
    device = GrubDevice()
    device.control.settle()
    device.control.mark_good("A")
    before = len(device.storage.operations)
    device.control.activate("B")
    state, synced, switch, durable = device.storage.operations[before:]
    assert (state.path, synced) == (f"{FOLDER}/ratchet-1.env", Synced(f"{FOLDER}/ratchet-1.env"))
    assert isinstance(switch, Written)
    assert (switch.path, durable) == (f"{FOLDER}/ratchet-1.sum", Synced(f"{FOLDER}/ratchet-1.sum"))
    assert len(switch.data) < 512


def test_no_file_changes_its_size_after_provisioning():
    device = GrubDevice()
    sizes = {name: len(data) for name, data in device.files.items()}
    live(device)
    assert {name: len(data) for name, data in device.files.items()} == sizes


def test_the_checksums_are_those_of_sha256sum(tmp_path):
    device = GrubDevice()
    live(device)
    for name, data in device.files.items():
        (tmp_path / name).write_bytes(data)
    check = ["sha256sum", "--strict", "--check", "ratchet-0.sum", "ratchet-1.sum"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "ratchet-0.env: OK\nratchet-1.env: OK\n"


def test_nothing_is_provisioned_over_a_boot_state():
    device = GrubDevice()
    for path in device.storage.files():
        control = GrubDevice({path: b""}).control
        with pytest.raises(ConfigError, match="expected no boot state yet, got one; remove it first"):
            control.provision("A")


@pytest.mark.parametrize(
    "arguments", ['a="b"', "a='b'", "a\\b", "a*", "a?", "[a]", "a\nb", "\x7f", "\u00e4", "x" * 900]
)
def test_arguments_that_grub_would_change_are_refused(arguments):
    device = GrubDevice()
    device.control.settle()
    before = device.files
    with pytest.raises(BootControlError, match="kernel arguments"):
        device.control.activate("B", arguments)
    assert device.files == before


@pytest.mark.parametrize("slots", [("A",), ("A", "B", "C"), ("A", "B C"), ("A", "$x"), ("A", "")])
def test_slots_that_grub_cannot_have_are_refused(slots):
    with pytest.raises(ConfigError, match="expected two for GRUB"):
        GrubSettings(Path(FOLDER)).open(SimulatedStorage({}), slots, lambda: "A")


def test_a_slot_that_is_not_configured_is_refused():
    device = GrubDevice()
    with pytest.raises(BootControlError, match="expected a slot of A, B, got C"):
        device.control.activate("C")
    control = GrubSettings(Path(FOLDER)).open(device.storage, ("B", "C"), lambda: "B")
    with pytest.raises(BootControlError, match="expected the slots B, C, got 'A, B'"):
        control.status()


def test_two_damaged_copies_are_told_with_the_way_out():
    device = GrubDevice()
    damaged = {p: b"\0" * len(d) if p.endswith(".sum") else d for p, d in device.storage.files().items()}
    for files in (damaged, {TRIES: b""}):
        with pytest.raises(
            BootControlError, match=r"expected a good copy .* got none; is the boot part"
        ):
            GrubDevice(files).control.status()


def test_a_copy_of_another_size_is_not_written():
    device = GrubDevice()
    files = device.storage.files()
    files[f"{FOLDER}/ratchet-1.env"] += b"#"
    with pytest.raises(BootControlError, match="expected a file of 1024 bytes, got 1025"):
        GrubDevice(files).control.activate("B")


@pytest.mark.parametrize(
    "line",
    [
        b"ratchet_tr\0\0\0\x000\n",  # what is written behind it becomes a part of its name
        b"ratchet_tries=3\nratchet_tries=3\n",  # the first is written, the last read
        b"=" + b"x" * 964 + b"\n",  # leaves no room
    ],
)
def test_a_count_that_grub_could_not_lower_is_no_try(line):
    device = GrubDevice()
    device.control.activate("B")
    files = device.storage.files()
    files[TRIES] = (b"# GRUB Environment Block\nratchet_tries_of=0\n" + line).ljust(1024, b"#")
    device = GrubDevice(files)
    assert device.control.status().slots["B"].tries_left == 0
    assert device.control.status().primary == device.choice().slot == "A"


@given(st.data())
def test_damaged_files_are_a_boot_state_or_an_error_of_one_line(choose):
    device = GrubDevice()
    device.control.activate("B")
    files = device.storage.files()
    path = choose.draw(st.sampled_from(sorted(files)))
    data = files[path]
    start = choose.draw(st.integers(0, len(data)))
    piece = choose.draw(st.binary(max_size=40))
    files[path] = data[:start] + piece + data[start + len(piece) :]
    try:
        status = GrubDevice(files).control.status()
    except (BootControlError, StorageError) as e:
        error = str(e)
        assert "\n" not in error
    else:
        assert status.primary == GrubDevice(files).choice().slot
