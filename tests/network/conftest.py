import pytest

from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.0.0.2,localhost,updates.test")


class Pauses(list):
    """Stands in for waiting: notes how long it would have been."""

    def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture(scope="session")
def all_pauses():
    return Pauses()


@pytest.fixture
def pauses(all_pauses):
    """How long the fetcher would have waited, in this test."""
    all_pauses.clear()
    return all_pauses


@pytest.fixture(scope="session")
def fetcher(all_pauses):
    # one for all: to make it reads the operating system's authorities, a tenth of a second
    with HttpFetcher(HttpSettings(insecure_http=True, timeout_s=10), sleep=all_pauses) as one:
        yield one
