"""What becomes of names on a simulated disk when the power fails before their folder is synced."""

from ota_client.testing import (
    NameSynced,
    Renamed,
    SimulatedStorage,
    Written,
    every_cut,
)


def media(storage):
    return [(cut.done, cut.medium(storage)) for cut in every_cut(storage.operations)]


def after(storage):
    return [files for done, files in media(storage) if done == len(storage.operations)]


def test_a_removal_may_be_lost_until_the_folder_is_synced():
    storage = SimulatedStorage({"/d/a": b"1"})
    storage.remove("/d/a")
    assert after(storage) == [{}, {"/d/a": b"1"}]
    storage.sync_name("/d/b")
    assert after(storage) == [{}]


def test_a_replaced_file_is_whole_and_durable_at_once():
    storage = SimulatedStorage({"/v/a": b"before"})
    storage.replace("/v/a", b"after")
    assert media(storage) == [(0, {"/v/a": b"before"}), (1, {"/v/a": b"after"})]


def test_a_rename_is_there_or_not_and_what_is_written_later_follows_the_file():
    storage = SimulatedStorage({"/d/a": b"1"})
    storage.apply(Renamed("/d/a", "/d/b"))
    storage.apply(Renamed("/d/b", "/d/c"))
    storage.apply(Written("/d/c", 0, b"2"))
    found = after(storage)
    assert {name for files in found for name in files} == {"/d/a", "/d/b", "/d/c"}
    assert all(len(files) == 1 for files in found)
    assert {data for files in found for data in files.values()} == {b"1", b"2"}
    storage.apply(NameSynced("/d/c"))
    assert {name for files in after(storage) for name in files} == {"/d/c"}


def test_a_file_that_is_made_anew_does_not_depend_on_the_one_before():
    storage = SimulatedStorage({})
    storage.create("/d/a", b"1")
    storage.remove("/d/a")
    storage.create("/d/a", b"2")
    assert after(storage) == [{"/d/a": b"2"}]


def test_names_are_those_of_the_folder():
    storage = SimulatedStorage({"/d/b": b"", "/d/a": b"", "/d/e/f": b"", "/g": b""})
    assert storage.names("/d") == ("a", "b")
