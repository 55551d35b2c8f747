import pytest
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device


@pytest.fixture
def repository():
    """A sound repository whose channel offers 1.1.0 to devices that run 1.0.0."""
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))
    return repository


@pytest.fixture
def device(tmp_path, repository):
    """A device in the field: it runs 1.0.0 and has looked at 1.1.0."""
    device = make_device(tmp_path, repository)
    device.client.check()
    return device
