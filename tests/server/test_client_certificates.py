"""Who a TLS connection belongs to (B03), with our protocol class under a real uvicorn."""

import ssl
from contextlib import contextmanager
from datetime import timedelta

import pytest
from support.identities import Factory, key_pem
from support.tls_client import ask, connected, whoami
from support.tls_house import NOW, House
from support.whoami_server import whoami_server

from ota_server.web.peer import NativePeers, NoPeers
from ota_server.web.tls import server_context

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def asking(house):
    """TLS that asks for client certificates."""
    return server_context(house.files, NOW, house.authority.anchors.pem())


def believing(house, clock=lambda: NOW):
    return NativePeers(house.authority.anchors, clock)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def server(house):
    with whoami_server(believing(house), context=asking(house)) as server:
        yield server


@contextmanager
def refused():
    """TLS 1.3's client is done before the server has looked: it learns of it when it reads."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        yield


@pytest.mark.parametrize("version", VERSIONS)
def test_a_device_is_known_by_the_key_of_its_handshake(house, server, version):
    identity, file = house.enrolled()
    answer, _, _ = whoami(server.address, house.client(file, version))
    assert answer == {"key": identity.key_sha256, "address": "127.0.0.1"}


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_certificate_a_client_is_served_and_is_nobody(house, server, version):
    assert whoami(server.address, house.client(version=version))[0]["key"] is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_is_the_device_that_made_it(house, server, version):
    identity, file = house.enrolled()
    context = house.client(file, version)
    first, session, reused = whoami(server.address, context)
    assert not reused
    again, _, reused = whoami(server.address, context, session=session)
    assert reused
    assert again == first == {"key": identity.key_sha256, "address": "127.0.0.1"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_that_was_made_without_a_certificate_stays_nobody_s(house, server, version):
    """Whatever certificate is at hand when it is resumed."""
    context = house.client(version=version)
    _, session, _ = whoami(server.address, context)
    context.load_cert_chain(house.enrolled()[1])
    answer, _, reused = whoami(server.address, context, session=session)
    assert reused
    assert answer["key"] is None


@pytest.mark.parametrize("version", VERSIONS)
def test_another_server_s_session_is_not_resumed(house, server, version):
    identity, file = house.enrolled()
    context = house.client(file, version)
    with whoami_server(believing(house), context=asking(house)) as other:
        _, session, _ = whoami(other.address, context)
    answer, _, reused = whoami(server.address, context, session=session)
    assert not reused
    assert answer["key"] == identity.key_sha256


def test_a_resumed_session_ends_with_its_certificate(house):
    clock = [NOW]
    _, file = house.enrolled()
    with whoami_server(believing(house, lambda: clock[0]), context=asking(house)) as server:
        context = house.client(file)
        answer, session, _ = whoami(server.address, context)
        assert answer["key"]
        clock[0] += timedelta(days=366)
        answer, _, reused = whoami(server.address, context, session=session)
        assert reused
        assert answer["key"] is None


def test_a_certificate_of_a_factory_is_an_identity_too(house, server):
    identity, file = house.made_by(house.factory, "cam-0009")
    assert whoami(server.address, house.client(file))[0]["key"] == identity.key_sha256


def test_a_factory_s_issuing_authority_is_enough_without_its_root(house):
    root = Factory.new(NOW)
    issuing = Factory.new(NOW)
    key = issuing.key()
    issuing.issued = type(issuing.issued)(
        ssl.DER_cert_to_PEM_cert(root.make(key, "Issuing", now=NOW, usage=None, ca=True)).encode(),
        key_pem(key),
    )
    folder = house.folder / "issuing"
    folder.mkdir()
    other = House(folder, issuing)
    identity, file = other.made_by(issuing, "cam-0009")
    with whoami_server(believing(other), context=asking(other)) as server:
        assert whoami(server.address, other.client(file))[0]["key"] == identity.key_sha256


@pytest.mark.parametrize("version", VERSIONS)
def test_the_certificate_of_a_foreign_authority_ends_the_handshake(house, server, version):
    _, file = house.made_by(Factory.new(NOW), "foreign")
    with refused():
        whoami(server.address, house.client(file, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_expired_certificate_ends_the_handshake(house, server, version):
    _, file = house.enrolled("expired", NOW - timedelta(days=400))
    with refused():
        whoami(server.address, house.client(file, version))


def test_a_certificate_for_servers_ends_the_handshake(house, server):
    from cryptography.x509.oid import ExtendedKeyUsageOID

    _, file = house.made_by(house.factory, "for-servers", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    with refused():
        whoami(server.address, house.client(file))


def test_every_request_of_a_connection_has_its_identity(house, server):
    identity, file = house.enrolled()
    with connected(server.address, house.client(file)) as connection:
        answers = [ask(connection)[1]["key"] for _ in range(3)]
    assert answers == [identity.key_sha256] * 3


def test_the_certificate_is_asked_for_once_a_connection(house, monkeypatch):
    taken = []
    read = ssl.SSLObject.getpeercert

    def counted(self, binary_form=False):
        taken.extend([self] * binary_form)
        return read(self, binary_form)

    monkeypatch.setattr(ssl.SSLObject, "getpeercert", counted)
    with (
        whoami_server(believing(house), context=asking(house)) as server,
        connected(server.address, house.client(house.enrolled()[1])) as connection,
    ):
        for _ in range(3):
            ask(connection)
    assert len(taken) == 1


def test_a_server_that_asks_for_no_certificates_knows_nobody(house):
    _, file = house.enrolled()
    context = server_context(house.files, NOW)
    with whoami_server(believing(house), context=context) as server:
        assert whoami(server.address, house.client(file))[0]["key"] is None


def test_by_default_nobody_is_believed(house):
    _, file = house.enrolled()
    with whoami_server(NoPeers(), context=asking(house)) as server:
        assert whoami(server.address, house.client(file))[0] == {"key": None, "address": "127.0.0.1"}
