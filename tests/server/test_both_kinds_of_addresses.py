"""``host = "::"`` is everywhere: IPv4 and IPv6, and nobody is taken for somebody else by it."""

import http.client
import json
import socket

import pytest
from running_server import serving
from support.whoami_server import application

from ota_server.web.listeners import listen_on_network
from ota_server.web.peer import NoPeers

pytestmark = pytest.mark.skipif(
    not socket.has_dualstack_ipv6(), reason="needs IPv6: boot with ipv6.disable=0"
)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_everywhere_is_reached_by_both_and_knows_each_by_its_own_address(address):
    listener = listen_on_network("::", 0, None, reuse_port=False).socket
    with serving(application(NoPeers()), listener=listener) as (port, _):
        connection = http.client.HTTPConnection(address, port, timeout=10)
        connection.request("GET", "/")
        assert json.loads(connection.getresponse().read())["address"] == address
        connection.close()


def test_an_address_of_ipv6_alone_stays_of_ipv6_alone():
    with listen_on_network("::1", 0, None, reuse_port=False).socket as listener:
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
