"""The boot control ``systemd-boot``: what it writes, and what systemd-boot makes of that."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.systemd_boot import FOLDER, TEMPLATE, SystemdBoot

from ota_client.bootcontrol.settings import BootSettings
from ota_client.errors import BootControlError, ConfigError
from ota_client.formats.strict import Fields
from ota_client.testing import SimulatedStorage, Written

SHIPPED = Path(__file__).parents[2] / "integration" / "systemd-boot"
LOADER_CONF = f"{Path(FOLDER).parent}/loader.conf"
GOOD_A, GOOD_B = f"{FOLDER}/ratchet-A.conf", f"{FOLDER}/ratchet-B.conf"


def boot_settings(entry=TEMPLATE):
    table = {"control": "systemd-boot", "folder": FOLDER, "entry": entry}
    fields = Fields(table, "boot", ConfigError)
    return BootSettings.read(fields, lambda name: Path(fields.text(name)))


def control(storage, booted="A", slots=("A", "B"), entry=TEMPLATE):
    return boot_settings(entry).open(storage, slots, lambda: booted)


def provisioned(files=None):
    storage = SimulatedStorage(files or {})
    control(storage).provision("A")
    return storage


def on_trial(arguments=""):
    storage = provisioned()
    control(storage).set_unbootable("B")
    control(storage).activate("B", arguments)
    return storage


def names(storage):
    return storage.names(FOLDER)


def flags(storage, slot):
    found = control(storage).status().slots[slot]
    return found.good, found.bootable, found.tries_left


def test_a_provisioned_device_starts_what_ran_and_has_an_entry_for_each_slot():
    storage = provisioned()
    assert names(storage) == ("ratchet-A.conf", "ratchet-B.conf")
    assert SystemdBoot().start(storage) == "A"
    assert control(storage).status().primary == "A"
    assert flags(storage, "A") == (True, True, 0)
    assert flags(storage, "B") == (False, False, 0)


def test_what_systemd_boot_reads_is_the_template_with_the_slot_filled_in():
    lines = provisioned().files()[GOOD_A].decode().rstrip("\n").split("\n")
    assert lines == [
        " linux /gateway/A/vmlinuz",
        "sort-key 0-ratchet",
        "version 1",
        "title Gateway",
        "options root=PARTLABEL=rootfs-A ro ratchet.slot=A",
    ]


def test_a_trial_has_three_tries_and_then_systemd_boot_falls_back():
    storage = on_trial()
    seen = []
    for left in (3, 2, 1):
        assert flags(storage, "B") == (False, True, left)
        assert control(storage).status().primary == "B"
        assert SystemdBoot().start(storage) == "B"
        seen.append(names(storage)[1])
    assert seen == ["ratchet-B+2-1.conf", "ratchet-B+1-2.conf", "ratchet-B+0-3.conf"]
    assert flags(storage, "B") == (False, False, 0)
    assert control(storage).status().primary == "A"
    assert SystemdBoot().start(storage) == "A"


def test_a_confirmed_slot_is_started_without_a_count():
    storage = on_trial()
    SystemdBoot().start(storage)
    control(storage, booted="B").mark_good("B")
    before = names(storage)
    assert [SystemdBoot().start(storage) for _ in range(5)] == ["B"] * 5
    assert names(storage) == before
    assert flags(storage, "B") == (True, True, 0)


def test_a_slot_confirmed_in_its_last_try_is_good():
    storage = on_trial()
    for _ in range(3):
        SystemdBoot().start(storage)
    control(storage, booted="B").mark_good("B")
    assert SystemdBoot().start(storage) == "B"


def test_the_entry_of_the_confirmed_slot_is_not_touched_by_an_update():
    storage = on_trial()
    SystemdBoot().start(storage)
    control(storage, booted="B").mark_good("B")
    touched = {operation.path for operation in storage.operations[4 * 4 :]}
    assert GOOD_A not in touched


def test_each_transition_is_effective_by_one_byte():
    storage = provisioned()
    steps = {
        "activate": lambda: control(storage).activate("B"),
        "mark good": lambda: control(storage).mark_good("B"),
        "set unbootable": lambda: control(storage).set_unbootable("A"),
    }
    for name, step in steps.items():
        first = len(storage.operations)
        step()
        writes = [o for o in storage.operations[first:] if isinstance(o, Written)]
        assert [len(o.data) for o in writes if o.data in {b" ", b"#"}], name
        assert all(o.data[:1] == b"#" for o in writes if len(o.data) > 1), name


def test_kernel_arguments_stay_with_the_slot_until_it_is_activated_again():
    storage = on_trial("roothash=0a0b")
    assert b"ratchet.slot=B roothash=0a0b\n" in storage.files()[f"{FOLDER}/ratchet-B+3.conf"]
    control(storage).mark_good("B")
    assert b"ratchet.slot=B roothash=0a0b\n" in storage.files()[GOOD_B]
    control(storage).set_unbootable("B")
    control(storage).activate("B")
    assert b"roothash" not in storage.files()[f"{FOLDER}/ratchet-B+3.conf"]


def test_a_slot_given_up_on_trial_and_confirmed_after_all_keeps_its_arguments():
    storage = on_trial("roothash=0a0b")
    SystemdBoot().start(storage)
    control(storage).set_unbootable("B")
    control(storage).mark_good("B")
    assert b"roothash=0a0b" in storage.files()[GOOD_B]


def test_a_new_activation_gives_all_tries_anew():
    storage = on_trial()
    SystemdBoot().start(storage)
    control(storage).activate("B")
    assert names(storage) == ("ratchet-A.conf", "ratchet-B+3.conf", "ratchet-B.conf")
    assert flags(storage, "B") == (False, True, 3)


@pytest.mark.parametrize("arguments", ["a\nlinux /other", "\u00e4", "x" * 2048, "a\0"])
def test_arguments_that_cannot_stand_in_an_entry_are_refused_and_nothing_changes(arguments):
    storage = provisioned()
    before = storage.files()
    with pytest.raises(BootControlError):
        control(storage).activate("B", arguments)
    assert storage.files() == before


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("options root={slot}", "one line of linux, efi or uki, got 0"),
        ("linux /{slot}\nefi /{slot}", "one line of linux, efi or uki, got 2"),
        ("linux /vmlinuz\noptions ro", "{slot}"),
        ("linux /{slot}\nversion 7", "version"),
        ("linux /{slot}\nsort-key a", "sort-key"),
        ("linux /{slot}\nLinux /x", "a key and a value"),
        ("linux /{slot}\n# a comment", "a key and a value"),
        ("linux", "a key and a value"),
        ("linux /{slot}\ntitle \u00e4", "a key and a value"),
    ],
)
def test_a_template_that_would_not_do_is_refused_in_the_settings(entry, said):
    with pytest.raises(ConfigError) as caught:
        boot_settings(entry)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("slots", [("A", "a"), ("A", "B+3"), ("A", "B.x"), ("A", "B" * 33), ("A", "")])
def test_slots_whose_names_make_no_file_name_are_refused(slots):
    with pytest.raises(ConfigError):
        control(SimulatedStorage({}), slots=slots)


def test_a_device_is_provisioned_once():
    storage = provisioned()
    with pytest.raises(ConfigError, match="remove it"):
        control(storage).provision("B")


@pytest.mark.parametrize("line", ["default debian.conf", "default *", "preferred x.conf"])
def test_a_default_that_overrules_the_order_is_refused(line):
    files = {LOADER_CONF: f"timeout 3\n  {line}\n".encode()}
    with pytest.raises(ConfigError, match="default"):
        provisioned(files)


def test_an_entry_that_would_be_started_before_the_slots_is_refused():
    with pytest.raises(ConfigError, match="0-a"):
        provisioned({f"{FOLDER}/other.conf": b"linux /x\nsort-key 0-a\n"})


@pytest.mark.parametrize("other", [b"linux /x\n", b"linux /x\nsort-key debian\nversion 99\n"])
def test_other_entries_stay_behind_the_slots(other):
    storage = provisioned({f"{FOLDER}/factory.conf": other})
    assert SystemdBoot().start(storage) == "A"


def test_the_shipped_files_are_accepted():
    table = tomllib.loads((SHIPPED / "boot.toml").read_text(encoding="utf-8"))["boot"]
    fields = Fields(table, "boot", ConfigError)
    loader = BootSettings.read(fields, lambda name: Path(fields.text(name)))
    storage = SimulatedStorage({LOADER_CONF: (SHIPPED / "loader.conf").read_bytes()})
    loader.open(storage, ("A", "B"), lambda: "A").provision("A")
    assert SystemdBoot().start(storage) == "A"


def test_entries_of_other_slots_than_the_settings_have_are_an_error():
    storage = provisioned()
    with pytest.raises(BootControlError, match="A, B"):
        control(storage, slots=("A", "C")).status()
    with pytest.raises(BootControlError, match="provision"):
        control(SimulatedStorage({})).status()
    with pytest.raises(BootControlError, match="got C"):
        control(storage).activate("C")


def test_an_entry_in_use_is_never_rewritten():
    from ota_client.bootcontrol.systemd_boot.entries import BootEntries

    entries = BootEntries(provisioned(), Path(FOLDER))
    shown = next(file for file in entries.read() if file.shown)
    with pytest.raises(BootControlError, match="hidden"):
        entries.rewrite(shown, shown.entry)


LINES = st.sampled_from(
    [
        b"linux /x\n",
        b"#linux /x\n",
        b" linux /x\n",
        b"version 9\n",
        b"sort-key 0-ratchet\n",
        b"\0",
        b"\r",
    ]
)


@given(damage=st.binary(max_size=60) | st.lists(LINES, max_size=5).map(b"".join), at=st.integers(0, 60))
def test_whatever_an_entry_holds_the_control_refuses_or_knows_what_will_start(damage, at):
    files = on_trial().files()
    for path in (GOOD_B, f"{FOLDER}/ratchet-B+3.conf"):
        data = files[path]
        storage = SimulatedStorage({**files, path: data[:at] + damage + data[at + len(damage) :]})
        with suppress(BootControlError):
            assert control(storage).status().primary == SystemdBoot().start(storage)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["activate", "mark_good", "set_unbootable", "start"]), st.sampled_from("AB")
        ),
        max_size=12,
    )
)
def test_the_control_always_knows_what_systemd_boot_starts_next(steps):
    storage = provisioned()
    for verb, slot in steps:
        if verb == "start":
            primary = control(storage).status().primary
            if primary is not None:
                assert SystemdBoot().start(storage) == primary
        else:
            getattr(control(storage), verb)(slot)
            found = control(storage).status().slots[slot]
            expected = {"activate": (False, True, 3), "mark_good": (True, True, 0)}
            state = (found.good, found.bootable, found.tries_left)
            assert state == expected.get(verb, (False, False, 0))
