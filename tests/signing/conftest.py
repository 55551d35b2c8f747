import pytest


@pytest.fixture(autouse=True)
def _quick(quick_signing):
    """No test here waits for a passphrase."""
