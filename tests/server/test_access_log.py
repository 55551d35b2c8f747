"""Whose request it was: in the access log the word of our own proxy counts, nobody else's (B14)."""

import asyncio
import logging

import pytest

from ota_server.web.access_log import AccessLog
from ota_server.web.peer import EXTENSION, NoPeers, Peer, ProxyPeers

PROXY = 33
SAID = (b"x-real-ip", b"203.0.113.9")


async def _app(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def _send(_message):
    pass


def logged(caplog, peers, *headers, uid=None, client=None):
    caplog.set_level(logging.INFO, "ota_server.access")
    scope = {
        "type": "http",
        "method": "GET",
        "raw_path": b"/healthz",
        "headers": list(headers),
        "client": client,
        "extensions": {EXTENSION: Peer(uid=uid)},
    }
    asyncio.run(AccessLog(_app, peers)(scope, None, _send))
    return caplog.records[-1].fields["client"]


@pytest.fixture
def proxied():
    return ProxyPeers(None, None, uid=PROXY)


def test_behind_the_proxy_it_is_the_client_that_the_proxy_names(caplog, proxied):
    assert logged(caplog, proxied, SAID, uid=PROXY) == "203.0.113.9"
    assert caplog.messages[-1].startswith("203.0.113.9 GET /healthz 204 ")


@pytest.mark.parametrize("uid", [None, 0, PROXY + 1])
def test_b14_nobody_else_s_word_counts(caplog, proxied, uid):
    assert logged(caplog, proxied, SAID, uid=uid) == "-"
    assert logged(caplog, proxied, SAID, uid=uid, client=("192.0.2.7", 1)) == "192.0.2.7"
    assert logged(caplog, NoPeers(), SAID, uid=PROXY, client=("192.0.2.7", 1)) == "192.0.2.7"


def test_b14_a_client_s_own_header_beside_the_proxy_s_counts_no_more_than_none(caplog, proxied):
    assert logged(caplog, proxied, SAID, (b"x-real-ip", b"198.51.100.1"), uid=PROXY) == "-"
