import pytest
from support.memory_repository import BASE_URL, PRODUCT, MemoryRepository, Release

from ota_client import trust
from ota_client.rollback import TrustFloor


@pytest.fixture
def repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))
    return repository


@pytest.fixture
def refresh(tmp_path, repository):
    """Refresh from the repository, with whatever is to be different."""

    def refresh(**changes):
        facts = {
            "pinned_root": repository.pinned_root,
            "cache_dir": tmp_path / "tuf",
            "fetcher": repository,
            "base_url": BASE_URL,
            "product": PRODUCT,
            "now": repository.now,
            "floor": TrustFloor(),
        }
        return trust.refresh(**{**facts, **changes})

    return refresh
