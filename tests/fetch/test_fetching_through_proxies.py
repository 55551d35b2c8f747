import pytest
from hostile_server import Drip, answers, hostile_server, http

from ota_client.errors import FetchError, SlowRetrievalError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings


@pytest.fixture
def through(monkeypatch):
    def use(proxy):
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)

    return use


def test_a_proxy_from_the_environment_is_used(fetcher, through):
    with hostile_server(answers(http(b"hello"))) as proxy:
        through(proxy)
        assert fetcher.get("http://updates.invalid/a", max_bytes=9) == b"hello"
    assert proxy.requests[0].startswith("GET http://updates.invalid/a HTTP/1.1")


def test_a_proxy_that_refuses_the_tunnel_is_a_fetch_error(fetcher, through):
    with hostile_server(answers(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as proxy:
        through(proxy)
        with pytest.raises(FetchError, match="403 Forbidden"):
            fetcher.get("https://updates.invalid/a", max_bytes=9)


def test_a_proxy_that_drips_its_answer_to_connect_is_given_up(through):
    drip = Drip(0.25)
    settings = HttpSettings(rate_window_s=10, minimum_rate_bytes_s=100)
    with hostile_server(drip.after(b"HTTP/1.1 200 OK\r\nX: ")) as proxy:
        through(proxy)
        with HttpFetcher(settings, clock=drip.clock) as fetcher, pytest.raises(SlowRetrievalError):
            fetcher.get("https://updates.invalid/a", max_bytes=9)
