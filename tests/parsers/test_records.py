"""A durable record: the newer sound copy counts, whatever the other one holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attacks import refused

from ota_client.counters import RecordCounter
from ota_client.disk.record import MAX_BYTES, Record
from ota_client.errors import StateCorruptError
from ota_client.rollback import RoleFloor, TrustFloor
from ota_client.state import DeviceState, StateStore
from ota_client.testing import SimulatedStorage


def written(*contents):
    storage = SimulatedStorage({})
    for content in contents:
        Record(storage, "record").write(content)
    return storage.files()


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_the_last_content_is_read(contents):
    assert Record(SimulatedStorage(written(*contents)), "record").read() == contents[-1]


@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=200), st.sampled_from("01"))
def test_one_copy_of_any_bytes_leaves_the_other_copy(old, new, junk, copy):
    files = written(old, new)
    files[f"record.{copy}"] = junk
    assert Record(SimulatedStorage(files), "record").read() in {old, new}


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_two_copies_of_any_bytes_are_told(one, two):
    storage = SimulatedStorage({"record.0": one, "record.1": two})
    with refused(StateCorruptError, "expected one good copy of two"):
        Record(storage, "record").read()


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_copy_with_one_changed_byte_is_no_copy(content, data):
    files = written(content)
    damaged = bytearray(files["record.0"])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with refused(StateCorruptError):
        Record(SimulatedStorage({"record.0": bytes(damaged), "record.1": b""}), "record").read()


def test_no_record_is_none():
    assert Record(SimulatedStorage({}), "record").read() is None


def test_a_content_beyond_the_limit_is_not_written():
    storage = SimulatedStorage({})
    with refused(StateCorruptError, "expected at most 262144 bytes"):
        Record(storage, "record").write(bytes(MAX_BYTES + 1))
    assert storage.files() == {}


@pytest.mark.parametrize("version", [-1, 2**53, True])
def test_a_memory_that_could_not_be_read_back_is_not_written(version):
    storage = SimulatedStorage({})
    with refused(StateCorruptError, "version: expected an integer"):
        StateStore(Record(storage, "state")).save(
            DeviceState(trust_floor=TrustFloor({"timestamp": RoleFloor(version, ())}))
        )
    assert storage.files() == {}


@given(st.lists(st.integers(0, 2**31 - 1), max_size=6))
def test_the_stored_index_only_rises(indexes):
    storage = SimulatedStorage({})
    counter = RecordCounter(Record(storage, "index"))
    for index in indexes:
        before = counter.read()
        counter.raise_to(index)
        assert counter.read() == max(before, index)


@pytest.mark.parametrize(
    "content", [b"", b"-1", b"1.0", b" 1", b"x", b"2147483648", "\u0661".encode(), b"9" * 5000]
)
def test_a_stored_index_that_is_none_is_told(content):
    storage = SimulatedStorage({})
    Record(storage, "index").write(content)
    with refused(StateCorruptError, "expected a number"):
        RecordCounter(Record(storage, "index")).read()
