"""B15: a server that asks whatever address it is given is not made to ask its neighbours (SSRF)."""

from ipaddress import ip_network

import pytest
from support.fleet import open_database
from support.telling import BOX, LOOPBACK, NOW, Telling
from support.webhook_receiver import receiving

from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.message import Message
from ota_server.notify.webhook import Webhooks
from ota_server.notify.webhook_address import reachable, resolve


@pytest.fixture
def telling(tmp_path):
    database = open_database(tmp_path)
    yield Telling(database)
    database.close()


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


def test_b15_a_redirect_is_not_followed(telling, receiver):
    receiver.answer = lambda _: (302, {"Location": f"{receiver.url}/elsewhere"})
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    telling.send()
    assert [one.path for one in receiver.received] == ["/"]
    assert "redirects are not followed" in telling.deliveries()[1].error


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.1.2.3", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%lo", "fc00::1"),
        *("ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        # IPv4 in other spellings, site-local, and what clouds keep for themselves
        *("::7f00:1", "::ffff:0:7f00:1", "fec0::1", "5f00::1", "192.0.0.192", "192.88.99.1"),
    ],
)
def test_b15_an_address_within_is_refused(address):
    with pytest.raises(DeliveryError, match="private network"):
        reachable([address], ())
    with pytest.raises(DeliveryError, match="private network"):
        reachable(["93.184.216.34", address], ())


def test_b15_a_private_network_that_the_settings_name_is_reached():
    networks = (ip_network("10.1.0.0/16"), ip_network("::1/128"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "::1", "93.184.216.34", "2606:2800:220:1::1"):
        assert reachable([address], networks) == [address]
    with pytest.raises(DeliveryError):
        reachable(["10.2.0.1"], networks)


def test_b15_the_name_is_resolved_once_and_that_address_is_connected_to(telling, receiver):
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    webhooks = Webhooks(
        BOX,
        lambda: NOW,
        private_networks=LOOPBACK,
        insecure_http=True,
        # another answer the second time, as who rebinds a name would give
        resolver=lambda *_: next(answers),
    )
    made = telling.subscribe(address=f"http://hooks.example.com:{receiver.port}/")
    webhooks.carry(made, Message(None, NOW, "link"))
    assert receiver.received[0].headers["Host"] == f"hooks.example.com:{receiver.port}"


def test_b15_odd_spellings_of_the_loopback_are_judged_by_what_they_resolve_to():
    for host in ("127.1", "0x7f000001", "2130706433", "localhost"):
        with pytest.raises(DeliveryError, match="private network"):
            reachable(resolve(host, 443), ())


def test_b15_by_default_the_loopback_is_not_reached(telling, receiver):
    telling.networks = ()
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    telling.send()
    assert receiver.received == []
    assert "private_networks" in telling.deliveries()[1].error
