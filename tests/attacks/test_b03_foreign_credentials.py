"""B03: another device's credentials or assignment replayed."""

import pytest
from sqlalchemy import select
from support.device_api import ApiUnderTest, report
from support.fleet import open_database
from support.identities import NOW, Factory, Identity, der, make_device_authority

from ota_server.database.schema import devices, rollout_devices
from ota_server.devices import tokens
from ota_server.devices.enrolment import EnrolRequest, enrol, renew
from ota_server.devices.tokens import LIFETIME_MOST
from ota_server.errors import EnrolmentError, InvalidError


@pytest.fixture
def authority(tmp_path):
    return make_device_authority(tmp_path, factories=[Factory.new()])


@pytest.fixture
def fleet(tmp_path, authority):
    """Two enrolled devices."""
    database = open_database(tmp_path)
    alice, bob = Identity.new("cam-alice"), Identity.new("cam-bob")
    with database.begin() as connection:
        token = tokens.issue(connection, product="camera", uses=2, lifetime=LIFETIME_MOST, now=NOW).token
        for identity in (alice, bob):
            enrol(connection, authority, identity.request(token=token), now=NOW)
    yield database, alice, bob
    database.close()


def rows(database):
    with database.read() as connection:
        return connection.execute(select(devices).order_by(devices.c.pk)).all()


def test_b03_a_renewal_does_not_move_a_device_to_another_key(fleet, authority):
    database, alice, bob = fleet
    before = rows(database)
    for csr in (
        # under one's own key for the other's name, the other's request replayed, a new key
        Identity(bob.device_id, alice.key).request().csr_pem,
        bob.request().csr_pem,
        Identity.new(alice.device_id).request().csr_pem,
    ):
        with database.begin() as connection, pytest.raises(InvalidError, match="csr: expected"):
            renew(connection, authority, before[0].pk, csr, now=NOW)
    assert rows(database) == before


def test_b03_a_device_s_certificate_enrols_no_other_device(fleet, authority):
    database, alice, _ = fleet
    before = rows(database)
    certificate = der(alice.certificate(authority).pem)
    for identity in (
        Identity.new("cam-carol"),
        Identity("cam-carol", alice.key),
        Identity.new("cam-bob"),
    ):
        request = identity.request(factory_der=certificate)
        with database.begin() as connection, pytest.raises(EnrolmentError):
            enrol(connection, authority, request, now=NOW)
    assert rows(database) == before


def test_b03_a_replayed_request_brings_its_sender_no_certificate_for_another_key(fleet, authority):
    """Alice's request for a certificate, overheard and sent again, with a token that is still good."""
    database, alice, _ = fleet
    with database.begin() as connection:
        token = tokens.issue(connection, product="camera", lifetime=LIFETIME_MOST, now=NOW).token
        overheard = alice.request(token=token)
        certificate = enrol(connection, authority, overheard, now=NOW)
        other_name = EnrolRequest(
            token, None, "cam-eve", overheard.product, overheard.hardware_id, overheard.csr_pem
        )
        with pytest.raises(InvalidError, match="CN=cam-eve"):
            enrol(connection, authority, other_name, now=NOW)
    # of use to the holder of Alice's key alone
    assert authority.anchors.verify(der(certificate.pem), NOW).key_sha256 == alice.key_sha256


def test_b03_an_assignment_of_another_device_is_neither_shown_nor_answered(tmp_path):
    with ApiUnderTest(tmp_path) as api:
        alice, bob = api.device("cam-alice"), api.device("cam-bob")
        for device in (alice, bob):
            device.check_in()
        api.roll_out(alice)
        number = alice.check_in().json["assignment"]["id"]
        before = api.rows(rollout_devices)
        assert "assignment" not in bob.check_in(consent=number).json
        assert bob.ask("GET", "/device/v1/assignment").status == 404
        bob.report(
            *(report(n, state, assignment=number) for n, state in enumerate(("trial", "failed"), 1))
        )
        assert api.rows(rollout_devices) == before


def test_b03_a_body_cannot_name_another_device(tmp_path):
    with ApiUnderTest(tmp_path) as api:
        alice, bob = api.device("cam-alice"), api.device("cam-bob")
        assert bob.check_in(device_id=alice.identity.device_id).status == 422
