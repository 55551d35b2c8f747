import pytest
from support.memory_repository import BASE_URL, PRODUCT

from ota_client import trust
from ota_client.rollback import TrustFloor


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
