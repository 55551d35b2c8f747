import pytest
from hostile_server import answers, hostile_server, http

from ota_client.errors import ConfigError, FetchError, HttpStatusError, ResponseTooLongError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings


def test_a_small_file_arrives_whole(fetcher):
    with hostile_server(answers(http(b"hello"))) as server:
        assert fetcher.get(server.url + "/a", max_bytes=5) == b"hello"


def test_a_chunked_body_arrives_whole(fetcher):
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
    )
    with hostile_server(answers(chunked)) as server:
        assert fetcher.get(server.url + "/a", max_bytes=5) == b"hello"


def test_one_connection_carries_all_requests(fetcher):
    def script(connection, _head):
        connection.sendall(http(str(connection.getpeername()[1]).encode()))

    with hostile_server(script) as server:
        ports = {fetcher.get(server.url + "/a", max_bytes=9) for _ in range(3)}
    assert len(ports) == 1


def test_a_request_is_small_and_says_who_asks(fetcher):
    with hostile_server(answers(http(b""))) as server:
        fetcher.get(server.url + "/a", max_bytes=5)
    lines = server.requests[0].split("\r\n")
    assert sorted(line.split(":")[0] for line in lines if ": " in line) == [
        "Accept", "Accept-Encoding", "Host", "User-Agent",
    ]  # fmt: skip
    assert "Accept-Encoding: identity" in lines
    assert any(line.startswith("User-Agent: ratchet-ota/") for line in lines)


def test_passwords_of_netrc_stay_at_home(fetcher, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login joe password sesame\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with hostile_server(answers(http(b""))) as server:
        fetcher.get(server.url + "/a", max_bytes=5)
    assert "authorization" not in server.requests[0].lower()


def test_cookies_are_not_kept(fetcher):
    with hostile_server(answers(http(b"", "Set-Cookie: id=7; Path=/"), close=False)) as server:
        fetcher.get(server.url + "/a", max_bytes=5)
        fetcher.get(server.url + "/a", max_bytes=5)
    assert "cookie" not in server.requests[1].lower()


@pytest.mark.parametrize("status", [204, 206, 304, 403, 404, 410, 429, 500, 503])
def test_another_status_is_an_error_that_says_which(fetcher, status):
    with (
        hostile_server(answers(http(b"<html>", status=f"{status} X"))) as server,
        pytest.raises(HttpStatusError, match=str(status)) as caught,
    ):
        fetcher.get(server.url + "/a", max_bytes=9)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\n" + b"A" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_nonsense_is_one_clear_error(fetcher, answer):
    with (
        hostile_server(answers(answer)) as server,
        pytest.raises(FetchError, match=r"^http://127.0.0.1:\d+/a: ") as caught,
    ):
        fetcher.get(server.url + "/a?token=secret", max_bytes=9)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_endless_interim_answers_end(fetcher):
    def script(connection, _head):
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    with hostile_server(script) as server, pytest.raises(ResponseTooLongError):
        fetcher.get(server.url + "/a", max_bytes=9)


def test_a_server_that_is_not_there_is_a_fetch_error(fetcher):
    with hostile_server(answers(b"")) as server:
        pass
    with pytest.raises(FetchError, match="no answer: Connection refused"):
        fetcher.get(server.url + "/a", max_bytes=9)


def test_silence_ends_at_the_timeout():
    settings = HttpSettings(insecure_http=True, timeout_s=0.05)
    with (
        hostile_server(lambda c, _: c.recv(1)) as server,
        HttpFetcher(settings, sleep=lambda _: None) as fetcher,
        pytest.raises(FetchError, match="no answer: timed out"),
    ):
        fetcher.get(server.url + "/a", max_bytes=9)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a",
        "file:///etc/passwd",
        "host/a",
        "",
        "https://",
        "https://:443/",
        "https://host:99999/a",
        "https://joe:sesame@host/a",
        "https://joe:se/sa@me@host/a",
        "https://[::1/a",
    ],
)
def test_an_address_that_is_none_is_a_config_error(fetcher, url):
    with pytest.raises(ConfigError, match="expected an address") as caught:
        fetcher.get(url, max_bytes=9)
    assert "sesame" not in str(caught.value)


def test_plain_http_needs_leave():
    with HttpFetcher(HttpSettings()) as fetcher:
        with pytest.raises(ConfigError, match="insecure_http"):
            fetcher.get("http://127.0.0.1:9/a", max_bytes=9)
        with (
            pytest.raises(ConfigError, match="insecure_http"),
            fetcher.open_range("http://127.0.0.1:9/a", start=0, stop=1),
        ):
            pass


@pytest.mark.parametrize("name", ["timeout_s", "deadline_s", "rate_window_s", "minimum_rate_bytes_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_of_nothing_is_a_config_error(name, value):
    with pytest.raises(ConfigError, match=name):
        HttpSettings(**{name: value})


def test_a_short_error_page_costs_no_new_connection(fetcher):
    """Each check asks for a next root and gets a 404."""
    ports = []

    def script(connection, _head):
        ports.append(connection.getpeername()[1])
        connection.sendall(http(b'{"status":404}', status="404 Not Found"))

    with hostile_server(script) as server:
        for _ in range(3):
            with pytest.raises(HttpStatusError):
                fetcher.get(server.url + "/2.root.json", max_bytes=9)
    assert len(set(ports)) == 1
