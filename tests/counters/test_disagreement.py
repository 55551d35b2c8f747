"""The table of docs/reference/rollback-counter.md, row by row."""

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.counters import NV_INDEX, make_counter, make_index
from support.simulated_tpm import SimulatedTpm

from ota_client.counters.health import CounterHealth, HardwareReading, check_counter, judge
from ota_client.counters.tpm_messages import TYPE_BITS
from ota_client.errors import CounterError, CounterUnavailableError
from ota_client.testing import SimulatedStorage


@pytest.fixture
def tpm():
    return SimulatedTpm()


@pytest.fixture
def storage():
    return SimulatedStorage({})


@pytest.fixture
def counter(storage, tpm):
    """Provisioned at 3."""
    counter = make_counter(storage, tpm)
    counter.provision(3, replace=False)
    return counter


def refused(counter, error=CounterError):
    with pytest.raises(error) as caught:
        check_counter(counter.report())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def told(counter):
    report = counter.report()
    return report.health, report.record_index, report.hardware_index, report.index


def test_both_agree(counter):
    assert told(counter) == (CounterHealth.OK, 3, 3, 3)
    counter.raise_to(7)
    assert told(counter) == (CounterHealth.OK, 7, 7, 7)
    counter.raise_to(5)
    assert told(counter) == (CounterHealth.OK, 7, 7, 7)
    check_counter(counter.report())


def test_the_record_was_lost_and_the_tpm_holds(counter, tpm, caplog):
    counter.raise_to(7)
    alone = make_counter(SimulatedStorage({}), tpm)
    assert told(alone) == (CounterHealth.AHEAD, 0, 7, 7)
    check_counter(alone.report())
    alone.raise_to(0)
    assert "was put back, or the record was lost" in caplog.text
    assert told(alone) == (CounterHealth.OK, 7, 7, 7)


def test_an_older_state_directory_was_put_back_and_the_tpm_holds(counter, storage, tpm, caplog):
    old = SimulatedStorage(storage.files())
    counter.raise_to(7)
    again = make_counter(old, tpm)
    assert told(again) == (CounterHealth.AHEAD, 3, 7, 7)
    again.raise_to(3)
    assert [r.levelno for r in caplog.records] == [logging.ERROR]
    assert told(again) == (CounterHealth.OK, 7, 7, 7)


def test_the_tpm_is_behind_and_follows(counter, tpm):
    tpm.unplugged = True
    counter.raise_to(9)
    tpm.unplugged = False
    assert told(counter) == (CounterHealth.BEHIND, 9, 3, 9)
    check_counter(counter.report())
    counter.raise_to(9)
    assert told(counter) == (CounterHealth.OK, 9, 9, 9)


def test_a_tpm_that_does_not_answer_stops_installing_and_nothing_else(counter, tpm, caplog):
    tpm.unplugged = True
    assert told(counter) == (CounterHealth.UNAVAILABLE, 3, None, 3)
    assert "No such device" in refused(counter, CounterUnavailableError)
    counter.raise_to(4)
    assert counter.read() == 4
    assert "No such device" in caplog.text


@pytest.mark.parametrize("code", [0x921, 0x101, 0x100])
def test_a_tpm_that_is_locked_out_or_broken_counts_as_one_that_does_not_answer(counter, tpm, code):
    tpm.answers = [code]
    assert counter.report().health is CounterHealth.UNAVAILABLE
    tpm.answers = [code]
    refused(counter, CounterUnavailableError)


def test_a_cleared_tpm_is_reported_and_never_defined_again_by_itself(counter, tpm, caplog):
    counter.raise_to(7)
    tpm.clear()
    assert told(counter) == (CounterHealth.CLEARED, 7, None, 7)
    assert "expected this device's rollback counter in the tpm, got none" in refused(counter)
    counter.raise_to(8)
    assert told(counter) == (CounterHealth.CLEARED, 8, None, 8)
    assert tpm.memory.indices == {}
    assert "got none" in caplog.text


def test_a_cleared_tpm_is_taken_again_only_by_replace(counter, tpm, storage):
    counter.raise_to(7)
    tpm.clear()
    again = make_counter(storage, tpm, identity=2)
    with pytest.raises(CounterError, match="--replace"):
        again.provision(3, replace=False)
    again.provision(3, replace=True)
    assert told(again) == (CounterHealth.OK, 7, 7, 7)


def test_another_chip_is_reported(counter, storage):
    counter.raise_to(7)
    other = SimulatedTpm()
    make_counter(SimulatedStorage({}), other, identity=2).provision(9, replace=False)
    exchanged = make_counter(storage, other)
    assert told(exchanged) == (CounterHealth.REPLACED, 7, None, 7)
    refused(exchanged)
    before = other.memory
    exchanged.raise_to(8)
    assert other.memory == before


def test_a_counter_that_was_redefined_in_the_same_chip_is_reported(counter, storage, tpm):
    counter.raise_to(7)
    make_index(tpm).remove()
    make_index(tpm).provision(1, bytes(16))
    assert told(counter) == (CounterHealth.REPLACED, 7, None, 7)
    again = make_counter(storage, tpm, identity=3)
    again.provision(1, replace=True)
    assert told(again) == (CounterHealth.OK, 7, 7, 7)


@pytest.mark.parametrize("kind", [0, 9], ids=["ordinary", "PIN"])
def test_an_index_that_can_be_written_in_the_counters_place_is_reported(counter, tpm, kind):
    nv = tpm.memory.indices[NV_INDEX]
    attributes = nv.public.attributes & ~TYPE_BITS | kind << 4
    tpm.memory.indices[NV_INDEX] = replace(nv, public=replace(nv.public, attributes=attributes))
    assert counter.report().health is CounterHealth.REPLACED


def test_a_wrong_password_is_told_and_nothing_is_trusted(storage, tpm):
    make_counter(storage, tpm, auth=b"right").provision(3, replace=False)
    wrong = make_counter(storage, tpm, auth=b"wrong")
    assert told(wrong) == (CounterHealth.REPLACED, 3, None, 3)
    assert "a wrong password; look at auth_file" in refused(wrong)
    assert "wrong'" not in refused(wrong)


def test_a_device_that_was_never_provisioned_does_not_install(storage, tpm):
    counter = make_counter(storage, tpm)
    counter.raise_to(2)
    assert told(counter) == (CounterHealth.UNPROVISIONED, 2, None, 2)
    assert "provision-counter" in refused(counter)
    assert tpm.memory.indices == {}


def test_a_wiped_disk_and_a_cleared_tpm_together_do_not_install(counter, tpm):
    tpm.clear()
    refused(make_counter(SimulatedStorage({}), tpm))


@given(
    record=st.integers(0, 20),
    known=st.none() | st.sampled_from([b"a", b"b"]),
    found=st.none()
    | st.builds(HardwareReading, st.sampled_from([b"a", b"b"]), st.integers(0, 20))
    | st.just(CounterError("x"))
    | st.just(CounterUnavailableError("x")),
)
def test_whatever_is_found_the_index_is_never_below_the_record_and_doubt_stops_installing(
    record, known, found
):
    report = judge("tpm", record, known, found)
    assert report.index >= record
    if isinstance(found, HardwareReading) and known in {None, found.identity}:
        assert report.index == max(record, found.index)
        check_counter(report)
    else:
        assert report.hardware_index is None
        with pytest.raises(CounterError):
            check_counter(report)
