"""C04: a redirect to another host, or down to plain HTTP."""

import pytest
from hostile_server import answers, hostile_server, http

from ota_client.errors import ConfigError, RedirectRefusedError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings
from ota_client.network.urls import same_origin


@pytest.fixture
def fetcher(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with HttpFetcher(HttpSettings(insecure_http=True, timeout_s=10)) as one:
        yield one


def redirects(to, status="302 Found"):
    def script(connection, head):
        if head.startswith("GET /moved"):
            connection.sendall(http(b"hello"))
        else:
            connection.sendall(http(b"", f"Location: {to}", status=status))

    return script


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_a_redirect_on_the_same_host_is_followed(fetcher, status):
    with hostile_server(redirects("/moved", status)) as server:
        assert fetcher.get(server.url + "/a", max_bytes=9) == b"hello"


def test_a_redirect_to_another_host_is_refused_and_the_host_is_not_asked(fetcher):
    with hostile_server(answers(http(b"evil"))) as other:
        for target in (other.url + "/moved", f"http://localhost:{other.port}/moved"):
            with hostile_server(redirects(target)) as server, pytest.raises(RedirectRefusedError):
                fetcher.get(server.url + "/a", max_bytes=9)
            with (
                hostile_server(redirects(target)) as server,
                pytest.raises(RedirectRefusedError),
                fetcher.open_range(server.url + "/a", start=0, stop=4),
            ):
                pass
    assert other.requests == []


def test_payloads_alone_are_read_from_another_host_and_from_a_named_one_alone(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")

    def part(connection, head):
        assert "Range: bytes=2-5" in head
        answer = http(b"load", "Content-Range: bytes 2-5/9", status="206 Partial Content")
        connection.sendall(answer)

    with (
        hostile_server(part) as store,
        hostile_server(answers(http(b"evil"))) as stranger,
        hostile_server(redirects(store.url + "/b?X-Amz-Signature=1")) as server,
        hostile_server(redirects(stranger.url)) as liar,
        HttpFetcher(HttpSettings(insecure_http=True, payload_hosts=(store.url,))) as fetcher,
    ):
        with fetcher.open_range(server.url + "/a", start=2, stop=6) as body:
            assert body.read(4) == b"load"
        with pytest.raises(RedirectRefusedError):
            fetcher.get(server.url + "/a", max_bytes=9)
        with pytest.raises(RedirectRefusedError), fetcher.open_range(liar.url, start=2, stop=6):
            pass
    assert (len(store.requests), stranger.requests) == (1, [])


def test_a_named_host_is_no_way_down_to_plain_http():
    with pytest.raises(RedirectRefusedError):
        same_origin("https://host/a", "http://store/b", ("http://store", "https://store:8443"))
    assert same_origin("https://host/a", "https://store/b", ("https://store",)) == "https://store/b"


@pytest.mark.parametrize("host", ["http://store", "store", "https://me@store", "https://store?x"])
def test_a_named_host_is_an_https_address(host):
    with pytest.raises(ConfigError, match="payload_hosts"):
        HttpSettings(payload_hosts=(host,))


def test_a_loop_of_redirects_ends(fetcher):
    with (
        hostile_server(redirects("/again")) as server,
        pytest.raises(RedirectRefusedError, match="at most 3"),
    ):
        fetcher.get(server.url + "/a", max_bytes=9)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://host/b",
        "http://host:443/b",
        "https://host:8443/b",
        "https://other/b",
        "https://host.other/b",
        "//other/b",
        "https://host@other/b",
        "https://other@host/b",
        "https://host\\@other/b",
        "https://other\\host/b",
        "/\\other/b",
        "https://host /b",
        "https://ho\u0455t/b",
        "https://host:port/b",
        "https://[host/b",
        "ftp://host/b",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:,x",
    ],
)
def test_a_location_elsewhere_or_ambiguous_is_refused(location):
    with pytest.raises(RedirectRefusedError, match="same host"):
        same_origin("https://host/a", location)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("b", "https://host/d/b"),
        ("/b", "https://host/b"),
        ("https://HOST:443/b", "https://HOST:443/b"),
        ("//host/b", "https://host/b"),
        ("?q", "https://host/d/a?q"),
    ],
)
def test_a_location_on_the_same_host_is_resolved(location, target):
    assert same_origin("https://host/d/a", location) == target
