"""The environment's bytes: which copy counts, what stays untouched, what a torn write leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.uboot import newer, newer_boolean, pack, unpack
from support.forgetful_storage import ForgetfulStorage

from ota_client.bootcontrol.uboot.environment import Environment, FlagScheme, Variables
from ota_client.bootcontrol.uboot.locations import Location
from ota_client.errors import BootControlError, StorageError
from ota_client.testing import PowerCutError, SimulatedStorage, Synced, Written, every_cut

SIZE = 0x1000
TWO = (Location("/env", 0, SIZE, 0), Location("/env", 0x2000, SIZE, 0))
ONE = TWO[:1]
NONE = b"\xff" * SIZE
names = st.text("abcXYZ_019", min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), min_size=1)


def disk(first, second=NONE):
    return SimulatedStorage({"/env": first + NONE + second})


def environment(storage, locations=TWO, scheme=FlagScheme.INCREMENTAL):
    return Environment(storage, locations, scheme)


def copies(storage):
    data = storage.files()["/env"]
    return data[:SIZE], data[0x2000 : 0x2000 + SIZE]


@pytest.mark.parametrize("first", [0, 1, 2, 127, 254, 255])
@pytest.mark.parametrize("second", [0, 1, 2, 127, 254, 255])
def test_of_two_good_copies_the_one_counts_that_u_boot_takes(first, second):
    raws = [pack({"x": "first"}, first, SIZE), pack({"x": "second"}, second, SIZE)]
    expected = ("first", "second")[newer(raws)]
    assert environment(disk(*raws)).read().get("x") == expected


@pytest.mark.parametrize("first", [0, 1, 255])
@pytest.mark.parametrize("second", [0, 1, 255])
def test_of_two_good_copies_the_active_one_counts(first, second):
    raws = [pack({"x": "first"}, first, SIZE), pack({"x": "second"}, second, SIZE)]
    expected = ("first", "second")[newer_boolean(raws)]
    assert environment(disk(*raws), scheme=FlagScheme.BOOLEAN).read().get("x") == expected


@pytest.mark.parametrize("scheme", FlagScheme)
def test_a_copy_with_a_wrong_checksum_does_not_count(scheme):
    old, new = pack({"x": "old"}, 1, SIZE), pack({"x": "new"}, 2, SIZE)
    torn = new[:9] + b"?" + new[10:]
    assert environment(disk(old, torn), scheme=scheme).read().get("x") == "old"
    assert environment(disk(torn, old), scheme=scheme).read().get("x") == "old"


@pytest.mark.parametrize("medium", [NONE + NONE + NONE, b"", b"\0" * 3 * SIZE], ids=len)
def test_without_a_good_copy_there_is_one_clear_sentence(medium):
    found = environment(SimulatedStorage({"/env": medium}))
    assert found.find() is None
    with pytest.raises(BootControlError, match=r"right checksum at /env 0x0 and /env 0x2000, got none"):
        found.read()


def test_256_changes_go_round_and_each_replaces_the_older_copy():
    storage = disk(pack({"x": "start"}, 250, SIZE), pack({"x": "older"}, 249, SIZE))
    for number in range(300):
        before = copies(storage)
        environment(storage).change(lambda _, number=number: {"x": str(number)})
        after = copies(storage)
        assert sum(a == b for a, b in zip(after, before, strict=True)) == 1
        assert unpack(after[newer(list(after))]) == {"x": str(number)}


def test_foreign_variables_keep_every_byte_and_their_order():
    data = b"z=\xff\\=\nx\0BOOT_ORDER=A B\0novalue\0a=1\0BOOT_ORDER=B A\0=\0\0garbage"
    changed = Variables.parse(data).changed({"BOOT_ORDER": "A", "new": "1", "gone": None})
    assert changed.to_bytes(80).rstrip(b"\0") == b"z=\xff\\=\nx\0BOOT_ORDER=A\0novalue\0a=1\0=\0new=1"


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"x=1\0x=2\0\0", "2"), (b"x=\0\0", None), (b"x\0\0", None), (b"\0x=1", None), (b"x=1", "1")],
)
def test_a_variable_is_read_as_u_boot_reads_it(data, value):
    assert Variables.parse(data).get("x") == value


def test_a_value_of_strange_bytes_is_one_clear_sentence():
    with pytest.raises(BootControlError, match=r"^U-Boot's x: expected printable ASCII, got b'\\xff'$"):
        Variables.parse(b"x=\xff\0\0").get("x")


def test_variables_that_do_not_fit_change_nothing():
    storage = disk(pack({"x": "1"}, 1, SIZE))
    with pytest.raises(BootControlError, match="expected at most 4091 bytes of variables"):
        environment(storage).change(lambda _: {"y": "y" * SIZE})
    assert not [o for o in storage.operations if isinstance(o, Written)]


def test_a_change_to_what_is_there_writes_nothing_but_makes_it_durable():
    storage = disk(pack({"x": "1"}, 1, SIZE))
    environment(storage).change(lambda _: {"x": "1"})
    assert storage.operations == [Synced("/env")]


@pytest.mark.parametrize("locations", [TWO, ONE], ids=["two copies", "one copy"])
@given(variables=st.dictionaries(names, values), changes=st.dictionaries(names, st.none() | values))
def test_what_is_written_is_read_by_another_reader(locations, variables, changes):
    flagged = len(locations) > 1
    storage = disk(pack(variables, 7 if flagged else None, SIZE))
    environment(storage, locations).change(lambda _: changes)
    found = [unpack(raw, flagged=flagged) for raw in copies(storage)]
    expected = {k: v for k, v in {**variables, **changes}.items() if v is not None}
    assert expected in found


@given(data=st.binary(max_size=200))
def test_any_bytes_are_variables(data):
    variables = Variables.parse(data)
    again = Variables.parse(variables.to_bytes(300))
    assert again == variables


def changes_of(scheme):
    storage = disk(pack({"BOOT_ORDER": "A B", "v": "1" * 700}, 1, SIZE), pack({"x": "0"}, 0, SIZE))
    for number in range(4):
        first = len(storage.operations)
        before = environment(storage, scheme=scheme).read().get("BOOT_ORDER")
        after = f"{number} {before}"
        environment(storage, scheme=scheme).change(lambda _, after=after: {"BOOT_ORDER": after})
        yield storage, first, before, after


@pytest.mark.parametrize("scheme", FlagScheme)
def test_after_every_cut_either_all_is_changed_or_nothing(scheme):
    read = newer if scheme is FlagScheme.INCREMENTAL else newer_boolean
    for storage, first, before, after in changes_of(scheme):
        last = len(storage.operations)
        for cut in every_cut(storage.operations[:last], first=first):
            medium = SimulatedStorage(cut.medium(storage))
            raws = list(copies(medium))
            found = unpack(raws[read(raws)])["BOOT_ORDER"]
            assert found in ({after} if cut.done == last else {before, after}), cut
            assert environment(medium, scheme=scheme).read().get("BOOT_ORDER") == found


def test_after_a_failed_sync_the_next_change_starts_from_what_is_on_the_medium():
    storage = ForgetfulStorage(disk(pack({"x": "1"}, 1, SIZE)).files())
    found = environment(storage)
    storage.sync_fails = True
    with pytest.raises(StorageError):
        found.change(lambda _: {"x": "lost"})
    found.change(lambda variables: {"x": f"{variables.get('x')}2"})
    assert not storage.forgotten
    assert found.read().get("x") == "12"


def test_a_killed_writer_s_copy_is_durable_before_the_other_one_is_replaced():
    start = disk(pack({"x": "1"}, 1, SIZE), pack({"x": "0"}, 0, SIZE)).files()
    storage = SimulatedStorage(start, power=2)
    with pytest.raises(PowerCutError):
        environment(storage).change(lambda _: {"x": "killed"})
    storage.power = None
    first = len(storage.operations)
    environment(storage).change(lambda _: {"x": "2"})
    for cut in every_cut(storage.operations, first=first):
        medium = SimulatedStorage(cut.medium(storage))
        assert environment(medium).read().get("x") in {"1", "killed", "2"}, cut
