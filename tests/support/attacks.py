"""Attack a device, and see that it refuses by the right error and that nothing on it moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ota_client import OtaError
from ota_client.rollback import TrustFloor
from support.memory_repository import MemoryRepository
from support.simulated import SimulatedDevice


def floor_versions(device: SimulatedDevice) -> dict[str, int]:
    """By role, the oldest metadata that the device still accepts."""
    return {name: role.version for name, role in device.state.load().trust_floor.roles.items()}


@contextmanager
def unmoved(device: SimulatedDevice) -> Iterator[None]:
    """Slots, boot record, memory, trust floor and stored index stay as they are, byte for byte."""
    before = device.storage.files()
    yield
    after = device.storage.files()
    assert [path for path in {**before, **after} if before.get(path) != after.get(path)] == []


@contextmanager
def floor_rises_to(device: SimulatedDevice, repository: MemoryRepository) -> Iterator[None]:
    """Nothing moves but the trust floor, and that to exactly what was genuinely published."""
    files, state = _without_state(device), device.state.load()
    yield
    assert _without_state(device) == files
    assert floor_versions(device) == repository.versions()
    after = device.state.load()
    assert after.trust_floor.signed_at == repository.now
    assert replace(after, trust_floor=TrustFloor()) == replace(state, trust_floor=TrustFloor())


@contextmanager
def nothing_activated(device: SimulatedDevice) -> Iterator[None]:
    """An installation that fails midway may write the inactive slot, and must leave it unbootable."""
    inactive = device.slots.inactive()
    before, state, flags = device.storage.files(), device.state.load(), device.boot_control.status()
    yield
    changed = {path for path, data in device.storage.files().items() if before.get(path) != data}
    assert all("/state/state." in path or f"/{inactive}-" in path for path in changed)
    after = device.state.load()
    assert after.trust_floor == state.trust_floor
    assert device.boot_control.status() == flags
    assert not flags.slots[inactive].bootable
    content = after.slots.get(inactive)
    assert content is None or not content.complete


def refused(error: type[OtaError], match: str | None = None):
    """Exactly this error, not one of its subclasses."""
    return pytest.raises(error, match=match, check=lambda e: type(e) is error)


@contextmanager
def refuses(device: SimulatedDevice, error: type[OtaError], match: str | None = None) -> Iterator[None]:
    """Exactly this error, and an unmoved device."""
    with unmoved(device), refused(error, match):
        yield


def _without_state(device: SimulatedDevice) -> dict[str, bytes]:
    files = device.storage.files()
    return {path: data for path, data in files.items() if "/state/state." not in path}
