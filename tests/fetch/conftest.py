import pytest

from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def fetcher():
    with HttpFetcher(HttpSettings(insecure_http=True, timeout_s=10), sleep=lambda _: None) as one:
        yield one
