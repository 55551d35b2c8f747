"""D01, D06: the power goes off at every point of raising the index, in the record and in the TPM."""

from dataclasses import dataclass

from support.counters import make_counter
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device
from support.simulated_tpm import Memory, SimulatedTpm

from ota_client import OtaClient, Ports
from ota_client.counters.health import CounterHealth, check_counter
from ota_client.recovery import Phase
from ota_client.testing import SimulatedDevice, SimulatedStorage, every_cut

FACTORY_INDEX, NEW_INDEX = 1, 5


@dataclass
class TpmDevice:
    """A simulated device whose counter is in a TPM."""

    device: SimulatedDevice
    tpm: SimulatedTpm
    repository: MemoryRepository

    def __post_init__(self):
        device, repository = self.device, self.repository
        self.counter = make_counter(device.storage, self.tpm, folder=str(device.config.state_dir))
        ports = Ports(
            device.storage,
            device.slots,
            device.state,
            self.counter,
            lambda: repository,
            lambda: repository.now,
        )
        self.client = OtaClient(device.config, ports)


def on_trial(tmp_path, tpm):
    """A device that runs 1.1.0, whose index is higher by four, and has not confirmed it."""
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=NEW_INDEX))
    device = TpmDevice(make_device(tmp_path, repository), tpm, repository)
    device.counter.provision(FACTORY_INDEX, replace=False)
    assert device.client.install().installed
    device.device.boot()
    return device


def memories_at(cut, history):
    """What the TPM may hold when the disk has done so much: its commands are between the disk's."""
    before = [memory for done, memory in history if done < cut.done]
    between = [memory for done, memory in history if done == cut.done]
    return [before[-1], *between] if before else between


def test_a_cut_leaves_an_index_between_the_old_one_and_the_new_one_and_the_next_start_finishes(
    tmp_path, record_property
):
    history: list[tuple[int, Memory]] = []
    tpm = SimulatedTpm(changed=lambda memory: history.append((len(storage().operations), memory)))

    def storage() -> SimulatedStorage:
        return started.device.storage if started else SimulatedStorage({})

    started: TpmDevice | None = None
    started = on_trial(tmp_path, tpm)
    first = len(storage().operations)
    history[:] = [(0, tpm.memory)]
    assert started.client.mark_good().stored_rollback_index == NEW_INDEX
    assert len(history) == 1 + NEW_INDEX - FACTORY_INDEX

    points, between = 0, set()
    for cut in every_cut(storage().operations, first=first):
        for memory in memories_at(cut, history):
            points += 1
            chip = SimulatedTpm(memory)
            device = TpmDevice(started.device.after(cut), chip, started.repository)
            report = device.counter.report()
            between.add(report.hardware_index)
            assert FACTORY_INDEX <= report.index <= NEW_INDEX
            assert report.health in {CounterHealth.OK, CounterHealth.BEHIND}
            check_counter(report)
            good = device.device.boot_control.status().slots["B"].good
            assert good or report.index == FACTORY_INDEX, "the index rose before mark good (D06)"
            assert device.device.boot() == "B"
            status = device.client.mark_good()
            assert (status.phase, status.stored_rollback_index) == (Phase.IDLE, NEW_INDEX)
            assert status.rollback_counter.health is CounterHealth.OK
    assert between == set(range(FACTORY_INDEX, NEW_INDEX + 1))
    record_property("counter points", points)
    print(f"rollback counter: {points} points")


def test_the_tpm_alone_keeps_the_old_release_off_after_the_state_directory_was_put_back(tmp_path):
    device = on_trial(tmp_path, SimulatedTpm())
    before = device.device.storage.files()
    device.client.mark_good()
    old_disk = SimulatedDevice(
        device.device.config,
        SimulatedStorage(before),
        fetcher=device.repository,
        clock=lambda: device.repository.now,
    )
    old_disk.booted = "A"
    again = TpmDevice(old_disk, device.tpm, device.repository)
    assert again.client.status().stored_rollback_index == NEW_INDEX
    assert again.client.status().rollback_counter.health is CounterHealth.AHEAD


def test_status_and_mark_good_go_on_without_the_tpm_and_install_does_not(tmp_path):
    import pytest

    from ota_client.errors import CounterUnavailableError

    device = on_trial(tmp_path, SimulatedTpm())
    device.tpm.unplugged = True
    assert device.client.status().rollback_counter.health is CounterHealth.UNAVAILABLE
    assert device.client.mark_good().stored_rollback_index == NEW_INDEX
    device.repository.put(Release("1.2.0", rollback_index=NEW_INDEX))
    assert device.client.check().offered is not None
    before = device.device.storage.files()
    with pytest.raises(CounterUnavailableError):
        device.client.install()
    changed = {path for path, data in device.device.storage.files().items() if data != before[path]}
    assert {path.rpartition("/")[2][:5] for path in changed} <= {"state"}, "slots or boot state moved"
    device.tpm.unplugged = False
    assert device.client.install().installed
    assert device.client.status().rollback_counter.health is CounterHealth.OK
