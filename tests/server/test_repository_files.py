import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_server import DATA, DATA_NAME, TIMESTAMP, running

from ota_client.errors import FetchError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings

FOREVER = "public, max-age=31536000, immutable"


def test_metadata_is_served_with_short_or_endless_life(server):
    status, headers, body = server.ask("/metadata/timestamp.json")
    assert (status, body) == (200, TIMESTAMP)
    assert headers["Cache-Control"] == "public, max-age=60, must-revalidate"
    assert headers["Content-Type"] == "application/json"
    assert headers["ETag"] == f'"{hashlib.sha256(TIMESTAMP).hexdigest()[:32]}"'
    # seconds are too coarse for a file that is replaced under its name
    assert "Last-Modified" not in headers
    for name in ("/metadata/7.snapshot.json", "/" + DATA_NAME):
        assert server.ask(name)[1]["Cache-Control"] == FOREVER


@pytest.mark.system
def test_each_answer_forbids_to_guess_its_type_and_names_no_software(tmp_path, published):
    with running(tmp_path, "--published", published, "--insecure-http") as server:
        _, headers, _ = server.ask("/metadata/timestamp.json")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers


def test_a_large_file_arrives_whole(server):
    status, headers, body = server.ask("/" + DATA_NAME)
    assert (status, body) == (200, DATA)
    assert headers["Content-Length"] == str(len(DATA))
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["ETag"].strip('"') in DATA_NAME


@given(data=st.data())
def test_any_range_is_the_slice(server, data):
    first = data.draw(st.integers(0, len(DATA) - 1))
    last = data.draw(st.integers(first, len(DATA) + 1000))
    status, headers, body = server.ask("/" + DATA_NAME, Range=f"bytes={first}-{last}")
    expected = DATA[first : last + 1]
    assert (status, body) == (206, expected)
    assert headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(DATA)}"
    assert headers["Content-Length"] == str(len(expected))
    assert headers["Cache-Control"] == FOREVER


@pytest.mark.parametrize(
    ("header", "status", "body"),
    [
        ("bytes=-5", 206, DATA[-5:]),
        ("bytes=700000-", 206, DATA[-1:]),
        ("bytes=0-0,5-6", 200, DATA),
        ("lines=0-5", 200, DATA),
    ],
)
def test_other_forms_of_range(server, header, status, body):
    got = server.ask("/" + DATA_NAME, Range=header)
    assert (got[0], got[2]) == (status, body)


@pytest.mark.parametrize("header", ["bytes=700001-", "bytes=999999999999-", "bytes=-0"])
def test_a_range_outside_is_416_and_says_how_much_there_is(server, header):
    status, headers, body = server.ask("/" + DATA_NAME, Range=header)
    assert (status, headers["Content-Range"]) == (416, "bytes */700001")
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"] == "no-store"
    assert json.loads(body)["status"] == 416


def test_if_range_guards_a_resumed_download(server):
    tag = server.ask("/" + DATA_NAME, "HEAD")[1]["ETag"]
    assert server.ask("/" + DATA_NAME, Range="bytes=0-0", If_Range=tag)[0] == 206
    assert server.ask("/" + DATA_NAME, Range="bytes=0-0", If_Range='"other"')[0] == 200


def test_an_unchanged_file_is_304_without_a_body(server):
    _, headers, _ = server.ask("/metadata/7.snapshot.json")
    for condition in (
        {"If_None_Match": headers["ETag"]},
        {"If_None_Match": f'"x", W/{headers["ETag"]}'},
        {"If_Modified_Since": headers["Last-Modified"]},
    ):
        status, again, body = server.ask("/metadata/7.snapshot.json", **condition)
        assert (status, body) == (304, b"")
        assert again["ETag"] == headers["ETag"]
        assert again["Cache-Control"] == headers["Cache-Control"]
    assert server.ask("/metadata/timestamp.json", If_None_Match='"x"')[0] == 200


@pytest.mark.parametrize("path", ["/metadata/timestamp.json", "/" + DATA_NAME])
def test_head_says_the_same_without_the_body(server, path):
    _, get, _ = server.ask(path)
    status, head, body = server.ask(path, "HEAD")
    assert (status, body) == (200, b"")
    for headers in (get, head):
        del headers["Date"]
    assert sorted(get.items()) == sorted(head.items())


def test_an_empty_file_is_200_and_has_no_ranges(server):
    path = f"/targets/gateway/1.0.0/{hashlib.sha256(b'').hexdigest()}.empty"
    assert server.ask(path)[::2] == (200, b"")
    assert server.ask(path, Range="bytes=0-")[0] == 416


def test_the_next_root_is_a_404_that_caches_briefly(server):
    status, headers, body = server.ask("/metadata/2.root.json")
    assert (status, headers["Cache-Control"]) == (404, "public, max-age=60")
    assert json.loads(body)["title"] == "Not Found"


@pytest.mark.parametrize(
    "path", ["/", "/metadata", "/metadata/", "/targets/", "/secret.txt", "/x", "/healthz/"]
)
def test_everything_else_is_404(server, path):
    assert server.ask(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/metadata/timestamp.json", "/healthz"])
def test_other_methods_are_405_and_say_which_are_allowed(server, method, path):
    status, headers, _ = server.ask(path, method)
    assert status == 405
    assert sorted(headers["Allow"].split(", ")) == ["GET", "HEAD"]


def test_health_is_said(server):
    status, headers, body = server.ask("/healthz")
    assert (status, json.loads(body)) == (200, {"status": "ok"})
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.system
def test_the_devices_fetcher_reads_over_tls(tls_server, certificates, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HttpFetcher(HttpSettings(ca_file=certificates / "ca.pem")) as fetcher:
        assert fetcher.get(tls_server.url + "/metadata/timestamp.json", max_bytes=99) == TIMESTAMP
        with fetcher.open_range(tls_server.url + "/" + DATA_NAME, start=5, stop=700_000) as body:
            assert body.read(699_995) == DATA[5:700_000]
    with HttpFetcher(HttpSettings()) as stranger, pytest.raises(FetchError, match="certificate refused"):
        stranger.get(tls_server.url + "/metadata/timestamp.json", max_bytes=99)
