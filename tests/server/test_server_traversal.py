"""A27 at the server's door: paths as no client library would send them."""

import pytest
from running_server import TIMESTAMP


@pytest.mark.parametrize(
    "path",
    [
        b"/metadata/../secret.txt",
        b"/metadata/..%2fsecret.txt",
        b"/metadata/%2e%2e/secret.txt",
        b"/metadata/%2e%2e%2fsecret.txt",
        b"/metadata/..%5csecret.txt",
        b"/metadata/..\\secret.txt",
        b"/metadata/%252e%252e/secret.txt",
        b"/metadata/....//secret.txt",
        b"//metadata/timestamp.json",
        b"/metadata//timestamp.json",
        b"/./metadata/timestamp.json",
        b"/metadata/./timestamp.json",
        b"/metadata/timestamp.json%00",
        b"/metadata/timestamp.json%00.txt",
        b"/metadata/%74imestamp.json",
        b"/%6detadata/timestamp.json",
        b"/metadata/timestamp.json/",
        b"/metadata/timestamp.json;x",
        b"/metadata%2ftimestamp.json",
        b"/metadata//etc/passwd",
        b"//etc/passwd",
        b"/metadata/%2fetc%2fpasswd",
        b"/targets/../../../../../../etc/passwd",
        b"/targets/%c0%ae%c0%ae/secret.txt",
        b"/targets/~root/x",
        b"/metadata/" + b"a" * 300,
        b"/metadata/" + b"a/" * 500,
        b"/METADATA/timestamp.json",
        b"file:///etc/passwd",
    ],
)
def test_a_path_trick_finds_nothing(server, path):
    answer = server.raw(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), head
    assert b"outside" not in body
    assert b"root:" not in body


@pytest.mark.parametrize(
    "path", [b"/metadata/\x00", b"/metadata/\xff", b"/meta data", b"\\metadata", b"", b"*"]
)
def test_a_path_that_is_not_http_is_400(server, path):
    answer = server.raw(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    assert b"Traceback" not in answer


def test_a_query_changes_nothing(server):
    assert server.ask("/metadata/timestamp.json?../../secret.txt")[2] == TIMESTAMP


def test_a_whole_address_as_the_target_is_its_path(server):
    answer = server.raw(
        b"GET http://x/metadata/timestamp.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert answer.endswith(TIMESTAMP)
