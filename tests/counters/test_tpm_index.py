"""The rollback index in a TPM: what is said to it, and what its answers lead to."""

import pytest
from support.counters import NV_INDEX, make_counter, make_index
from support.simulated_tpm import Memory, SimulatedTpm

from ota_client.counters.health import CounterHealth
from ota_client.counters.tpm_messages import Attribute, Code
from ota_client.errors import CounterError, CounterUnavailableError
from ota_client.rollback import STEP_CAP
from ota_client.testing import SimulatedStorage

IDENTITY = b"i" * 16


@pytest.fixture
def tpm():
    return SimulatedTpm(Memory(highest=41))


@pytest.fixture
def index(tpm):
    index = make_index(tpm)
    index.provision(5, IDENTITY)
    return index


def test_it_begins_where_it_is_told_whatever_the_chip_counted_before(index):
    assert index.read().index == 5
    index.raise_to(9)
    assert (index.read().index, index.read().identity) == (9, IDENTITY)


def test_it_never_falls(index, tpm):
    index.raise_to(3)
    assert index.read().index == 5
    assert tpm.commands.count(Code.NV_INCREMENT) == 1


def test_an_index_of_a_date_takes_no_million_of_steps(tpm):
    index = make_index(tpm)
    index.provision(20261122, IDENTITY)
    assert index.read().index == 20261122
    assert tpm.commands.count(Code.NV_INCREMENT) == 1


def test_one_call_counts_at_most_as_far_as_one_release_may_raise_it(index):
    index.raise_to(5 + STEP_CAP + 10)
    assert index.read().index == 5 + STEP_CAP
    index.raise_to(5 + STEP_CAP + 10)
    assert index.read().index == 5 + STEP_CAP + 10


def test_the_beginning_cannot_be_written_again(index, tpm):
    with pytest.raises(CounterError, match="locked against writing"):
        make_index(tpm).provision(0, IDENTITY)
    assert index.read().index == 5


def test_the_counter_is_used_by_its_own_password_and_defined_by_the_owners(tpm):
    tpm.memory = Memory(owner_auth=b"owner")
    with pytest.raises(CounterError, match="NV_DEFINE_SPACE, got: a wrong password"):
        make_index(tpm, auth=b"own").provision(0, IDENTITY)
    make_index(tpm, auth=b"own", owner=b"owner").provision(0, IDENTITY)
    device = make_index(tpm, auth=b"own")
    device.raise_to(2)
    assert device.read().index == 2
    assert device.owner_has_password()
    with pytest.raises(CounterError, match="NV_UNDEFINE_SPACE, got: a wrong password"):
        device.remove()


def test_wrong_passwords_never_lock_the_counter(index, tpm):
    assert all(nv.public.has(Attribute.NO_DICTIONARY_ATTACK) for nv in tpm.memory.indices.values())


@pytest.mark.parametrize("code", [0x908, 0x90A, 0x920, 0x922, 0x923])
def test_a_busy_tpm_is_asked_again_and_not_for_ever(index, tpm, code):
    tpm.answers = [code] * 8
    assert index.read().index == 5
    tpm.answers = [code] * 9
    with pytest.raises(CounterUnavailableError, match="busy, time after time"):
        index.read()


def test_a_provisioning_that_was_cut_is_redone_from_any_command(tpm):
    make_index(tpm).provision(5, IDENTITY)
    steps = len(tpm.commands)
    for last in range(steps):
        cut = SimulatedTpm(Memory(highest=41))
        cut.answers = [0] * last + [0x101]
        with pytest.raises(CounterUnavailableError):
            make_index(cut).provision(5, IDENTITY)
        assert make_index(cut).read() is None
        storage = SimulatedStorage({})
        counter = make_counter(storage, cut)
        assert counter.report().health is CounterHealth.UNPROVISIONED
        counter.provision(5, replace=False)
        assert counter.report().health is CounterHealth.OK
        assert counter.read() == 5


def test_a_password_file_that_is_missing_or_too_long_is_told_without_its_content(tmp_path):
    from ota_client.counters.tpm import _password

    assert _password(None) == b""
    (tmp_path / "auth").write_bytes(b"secret\n")
    assert _password(tmp_path / "auth") == b"secret"
    (tmp_path / "auth").write_bytes(b"secret" * 6)
    with pytest.raises(CounterUnavailableError) as caught:
        _password(tmp_path / "auth")
    assert "secret" not in str(caught.value).replace(str(tmp_path), "")
    with pytest.raises(CounterUnavailableError, match="No such file"):
        _password(tmp_path / "none")


def test_an_exhausted_count_is_not_taken_for_an_index(index, tpm):
    from dataclasses import replace

    nv = tpm.memory.indices[NV_INDEX]
    tpm.memory.indices[NV_INDEX] = replace(nv, value=(2**40).to_bytes(8, "big"))
    with pytest.raises(CounterError, match="something else"):
        index.read()
