"""The rollback counter over a real TPM's code: Debian's swtpm, by its socket."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.counters import NV_INDEX
from support.simulated_tpm import SimulatedTpm
from support.software_tpm import SoftwareTpm, needs_swtpm

from ota_client.counters.hardware import HardwareCounter
from ota_client.counters.health import CounterHealth
from ota_client.counters.record import RecordCounter
from ota_client.counters.settings import CounterSettings
from ota_client.counters.tpm import TpmIndex
from ota_client.counters.tpm_client import TpmClient
from ota_client.counters.tpm_messages import Attribute, Code, command, public_area, sized
from ota_client.counters.tpm_transport import connect
from ota_client.disk.record import Record
from ota_client.errors import CounterError, CounterUnavailableError
from ota_client.testing import SimulatedStorage

pytestmark = [pytest.mark.system, needs_swtpm]


@pytest.fixture
def tpm():
    with tempfile.TemporaryDirectory(prefix="tpm-") as folder:
        chip = SoftwareTpm(Path(folder))
        yield chip
        chip.kill()


@pytest.fixture
def settings(tpm):
    return CounterSettings(kind="tpm", device=tpm.device)


@pytest.fixture
def storage():
    return SimulatedStorage({})


def counter_of(settings, storage, identity=b"i" * 16):
    return HardwareCounter(
        RecordCounter(Record(storage, "index")),
        Record(storage, "binding"),
        TpmIndex.of(settings),
        lambda _: identity,
    )


@pytest.fixture
def counter(settings, storage):
    counter = counter_of(settings, storage)
    counter.provision(3, replace=False)
    return counter


def test_it_counts_and_remembers(counter, settings):
    assert counter.report().health is CounterHealth.OK
    counter.raise_to(13)
    assert counter.read() == 13
    alone = counter_of(settings, SimulatedStorage({}))
    assert (alone.report().health, alone.read()) == (CounterHealth.AHEAD, 13)


def test_every_count_that_was_acknowledged_survives_the_loss_of_power(counter, tpm):
    for index in range(4, 12):
        counter.raise_to(index)
        tpm.kill()
        assert counter.report().health is CounterHealth.UNAVAILABLE
        tpm.start()
        assert counter.report().hardware_index == index


def test_a_cleared_chip_is_reported_and_begins_anew_only_when_told(counter, tpm, settings, storage):
    counter.raise_to(7)
    tpm.clear()
    assert counter.report().health is CounterHealth.CLEARED
    counter.raise_to(8)
    with pytest.raises(CounterError, match="--replace"):
        counter.provision(3, replace=False)
    counter_of(settings, storage, b"j" * 16).provision(3, replace=True)
    assert (counter.report().health, counter.read()) == (CounterHealth.OK, 8)


def count_in(settings):
    with connect(settings.device) as line:
        return int.from_bytes(TpmClient(line, lambda _: None).read(NV_INDEX, 8, auth=b""), "big")


def test_a_counter_that_was_defined_again_goes_on_above_the_old_one_and_is_reported(counter, settings):
    counter.raise_to(7)
    before = count_in(settings)
    forger = TpmIndex.of(settings)
    forger.remove()
    forger.provision(1, b"f" * 16)
    assert count_in(settings) > before
    assert counter.report().health is CounterHealth.REPLACED
    assert counter.read() == 7


def test_the_beginning_and_the_count_cannot_be_written(counter, tpm):
    for nv_index, size_bytes, refusal in ((NV_INDEX, 8, 0x082), (NV_INDEX + 1, 40, 0x148)):
        parameters = sized(bytes(size_bytes)) + bytes(2)
        found = tpm.send(Code.NV_WRITE, (nv_index, nv_index), parameters, b"")
        assert found.code == refusal
    assert counter.report().health is CounterHealth.OK


def test_without_the_owners_password_the_counter_is_used_but_not_removed(
    tpm, settings, storage, tmp_path
):
    (tmp_path / "owner").write_bytes(b"owner-secret\n")
    (tmp_path / "auth").write_bytes(b"index-secret\n")
    tpm.set_owner_password(b"owner-secret")
    device = replace(settings, auth_file=tmp_path / "auth")
    factory = replace(device, owner_auth_file=tmp_path / "owner")
    with pytest.raises(CounterError, match="a wrong password"):
        counter_of(device, storage).provision(3, replace=False)
    counter_of(factory, storage).provision(3, replace=False)
    counter = counter_of(device, storage)
    counter.raise_to(5)
    assert (counter.report().health, counter.read()) == (CounterHealth.OK, 5)
    with pytest.raises(CounterError, match="a wrong password"):
        TpmIndex.of(device).remove()
    assert TpmIndex.of(device).owner_has_password()
    assert counter_of(settings, storage).report().health is CounterHealth.REPLACED


def lock_out(settings):
    """Wrong passwords for an index that has dictionary attack protection, until the chip locks."""
    other = NV_INDEX + 16
    with connect(settings.device) as line:
        client = TpmClient(line, lambda _: None)
        attributes = Attribute.AUTH_READ | Attribute.AUTH_WRITE | Attribute.COUNTER
        client.define(other, attributes, 8, auth=b"right", owner_auth=b"")
        for _ in range(50):
            try:
                client.increment(other, auth=b"wrong")
            except CounterUnavailableError as e:
                return str(e)
            except CounterError as e:
                assert "authorisation failure" in str(e)  # noqa: PT017 one of many until the last
    raise AssertionError("never locked out")


def test_a_lockout_by_wrong_passwords_does_not_touch_our_counter(counter, settings):
    assert "locked out after wrong passwords" in lock_out(settings)
    assert counter.report().health is CounterHealth.OK
    counter.raise_to(9)
    assert counter.read() == 9


def test_a_provisioning_that_lost_power_is_redone(tpm, settings, storage):
    with connect(settings.device) as line:
        client = TpmClient(line, lambda _: None)
        attributes = Attribute.AUTH_READ | Attribute.AUTH_WRITE | Attribute.NO_DICTIONARY_ATTACK
        client.define(NV_INDEX, attributes | Attribute.COUNTER, 8, auth=b"", owner_auth=b"")
    tpm.kill()
    tpm.start()
    counter = counter_of(settings, storage)
    assert counter.report().health is CounterHealth.UNPROVISIONED
    counter.provision(3, replace=False)
    assert (counter.report().health, counter.read()) == (CounterHealth.OK, 3)


def test_the_simulated_chip_of_the_quick_tests_answers_as_this_one(tpm):
    simulated = SimulatedTpm()
    common = Attribute.AUTH_READ | Attribute.AUTH_WRITE | Attribute.NO_DICTIONARY_ATTACK
    counts = sized(b"pw") + public_area(NV_INDEX, common | Attribute.COUNTER, 8)
    begins = sized(b"pw") + public_area(NV_INDEX + 1, common | Attribute.WRITE_DEFINE, 4)
    own, other, owner = (NV_INDEX,) * 2, (NV_INDEX + 1,) * 2, 0x40000001
    read, write = (8).to_bytes(2, "big") + bytes(2), sized(b"word") + bytes(2)
    story: list[tuple[Code, tuple[int, ...], bytes, bytes | None]] = [
        (Code.NV_READ_PUBLIC, (NV_INDEX,), b"", None),
        (Code.NV_DEFINE_SPACE, (owner,), counts, b""),
        (Code.NV_DEFINE_SPACE, (owner,), counts, b""),
        (Code.NV_DEFINE_SPACE, (owner,), begins, b""),
        (Code.NV_READ, own, read, b"pw"),
        (Code.NV_INCREMENT, own, b"", b"pw"),
        (Code.NV_INCREMENT, own, b"", b"no"),
        (Code.NV_INCREMENT, other, b"", b"pw"),
        (Code.NV_READ, own, read, b"pw"),
        (Code.NV_WRITE, own, sized(bytes(8)) + bytes(2), b"pw"),
        (Code.NV_WRITE, other, write, b"pw"),
        (Code.NV_WRITE_LOCK, other, b"", b"pw"),
        (Code.NV_WRITE, other, write, b"pw"),
        (Code.NV_READ, other, (4).to_bytes(2, "big") + bytes(2), b"pw"),
        (Code.NV_UNDEFINE_SPACE, (owner, NV_INDEX), b"", b""),
        (Code.NV_UNDEFINE_SPACE, (owner, NV_INDEX), b"", b""),
        (Code.NV_DEFINE_SPACE, (owner,), counts, b""),
        (Code.NV_INCREMENT, own, b"", b"pw"),
        (Code.NV_READ, own, read, b"pw"),
    ]
    for number, (code, handles, parameters, auth) in enumerate(story):
        message = command(code, handles, parameters, auth)
        with connect(tpm.device) as line:
            real = line.exchange(message)
        assert simulated.exchange(message).hex() == real.hex(), f"{number}: {code.name}"
    for nv_index in own[:1] + other[:1]:
        with connect(tpm.device) as line, simulated.connect() as twin:
            public = TpmClient(line, lambda _: None).public(nv_index)
            assert public == TpmClient(twin, lambda _: None).public(nv_index)
