import json
import logging
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.fleet import open_database
from support.identities import NOW, Factory, Identity, der, make_device_authority

from ota_server.database.schema import device_events, devices, enrolment_tokens
from ota_server.devices import tokens
from ota_server.devices.denied import is_denied
from ota_server.devices.enrolment import enrol, renew
from ota_server.devices.identity import key_sha256
from ota_server.devices.removal import revoke
from ota_server.errors import EnrolmentError, InvalidError, RevokedError, UnknownDeviceError

DAY = timedelta(days=1)


@pytest.fixture
def factory():
    return Factory.new()


@pytest.fixture
def authority(tmp_path, factory):
    return make_device_authority(tmp_path, factories=[factory])


@pytest.fixture
def database(tmp_path):
    database = open_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def issue(database):
    def issue(**named):
        with database.begin() as connection:
            given = {"product": "camera", "lifetime": DAY, "now": NOW, **named}
            return tokens.issue(connection, **given).token

    return issue


@pytest.fixture
def ask(database, authority):
    """Enrol in a transaction of its own, as the web does."""

    def ask(identity, now=NOW, **credential):
        with database.begin() as connection:
            return enrol(connection, authority, identity.request(**credential), now=now)

    return ask


def row_of(database, device_id="cam-0001"):
    with database.read() as connection:
        return connection.execute(select(devices).filter_by(device_id=device_id)).first()


def kinds(database):
    with database.read() as connection:
        return list(connection.scalars(select(device_events.c.kind).order_by(device_events.c.id)))


def uses_left(database):
    with database.read() as connection:
        return connection.scalar(select(enrolment_tokens.c.uses_left))


def test_a_token_makes_a_device_known(database, issue, ask):
    device = Identity.new("cam-0001")
    certificate = ask(device, token=issue(tags=("beta", "alpha")))
    row = row_of(database)
    assert (row.device_id, row.product, row.hardware_id) == ("cam-0001", "camera", "cam-v2")
    assert row.key_sha256 == device.key_sha256 == key_sha256(der(certificate.pem))
    assert row.status == "active"
    assert row.certificate_expires_at == int((NOW + timedelta(days=365)).timestamp())
    assert certificate.expires_at == NOW + timedelta(days=365)
    assert json.loads(row.tags) == ["alpha", "beta"]
    assert kinds(database) == ["enrolled"]
    assert certificate.pem.count("BEGIN CERTIFICATE") == 2


def test_the_same_again_gets_another_certificate_and_spends_nothing(database, issue, ask):
    device, token = Identity.new("cam-0001"), issue()
    first, again = (ask(device, NOW + n * timedelta(hours=1), token=token) for n in range(2))
    assert first.pem != again.pem
    assert key_sha256(der(again.pem)) == device.key_sha256
    assert uses_left(database) == 0
    assert kinds(database) == ["enrolled", "renewed"]


def test_a_token_enrols_as_many_devices_as_it_says(database, issue, ask):
    token = issue(uses=2)
    for number in range(2):
        ask(Identity.new(f"cam-{number}"), token=token)
    with pytest.raises(EnrolmentError):
        ask(Identity.new("cam-2"), token=token)
    assert row_of(database, "cam-2") is None


def test_a_factory_s_certificate_makes_its_own_device_known(database, factory, ask):
    device = Identity.new("cam-0001")
    certificate = ask(device, factory_der=factory.make(device.key, "cam-0001"))
    assert row_of(database).key_sha256 == device.key_sha256
    assert der(certificate.pem) != factory.make(device.key, "cam-0001")


def test_a_factory_s_certificate_enrols_one_key_of_the_device_s_own(database, factory, ask):
    in_factory, device = Identity.new("cam-0001"), Identity.new("cam-0001")
    made_there = factory.make(in_factory.key, "cam-0001")
    ask(device, factory_der=made_there)
    ask(device, factory_der=made_there)
    assert row_of(database).key_sha256 == device.key_sha256
    with database.read() as connection:
        assert is_denied(connection, in_factory.key_sha256)
    for other in (Identity.new("cam-0001"), in_factory):
        with pytest.raises(EnrolmentError):
            ask(other, factory_der=made_there)


def test_a_token_for_rekeying_gives_the_device_id_to_another_key(database, issue, ask):
    before = Identity.new("cam-0001")
    after = Identity.new("cam-0001", hardware_id="cam-v3")
    ask(before, token=issue(tags=("beta",)))
    pk = row_of(database).pk
    ask(after, token=issue(device_ids="cam-0001", rekey=True))
    row = row_of(database)
    assert (row.pk, row.key_sha256, row.hardware_id) == (pk, after.key_sha256, "cam-v3")
    assert json.loads(row.tags) == ["beta"]
    assert kinds(database) == ["enrolled", "rekeyed"]
    with pytest.raises(EnrolmentError):
        ask(before, token=issue())


def test_a_token_for_rekeying_brings_a_revoked_device_back_with_another_key(database, issue, ask):
    ask(Identity.new("cam-0001"), token=issue())
    with database.begin() as connection:
        revoke(connection, "cam-0001", now=NOW)
    ask(Identity.new("cam-0001"), token=issue(device_ids="cam-0001", rekey=True))
    assert row_of(database).status == "active"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_id", "Cam"),
        ("device_id", "../x"),
        ("product", ""),
        ("hardware_id", "x" * 65),
        ("hardware_id", "a b"),
    ],
)
def test_what_is_no_name_is_refused_by_its_field(database, issue, ask, field, value):
    device = Identity.new("cam-0001")
    setattr(device, field, value)
    with pytest.raises(InvalidError, match=f"^{field}: expected a name"):
        ask(device, token=issue())
    assert uses_left(database) == 1


def test_a_request_that_cannot_be_read_is_told_so_before_anything_is_looked_up(database, authority):
    request = Identity.new("cam-0001").request(token="wrong")
    object.__setattr__(request, "csr_pem", "junk")
    with database.begin() as connection, pytest.raises(InvalidError, match="csr"):
        enrol(connection, authority, request, now=NOW)


def test_the_log_says_why_and_does_not_say_the_token(database, ask, caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(EnrolmentError):
        ask(Identity.new("cam-0001"), token="a-secret-that-was-withdrawn")
    assert "refused to enrol cam-0001: its token is unknown, withdrawn or expired" in caplog.text
    assert "a-secret" not in caplog.text


def test_a_renewal_certifies_the_same_key_for_longer(database, issue, ask, authority):
    device = Identity.new("cam-0001")
    ask(device, token=issue())
    later = NOW + timedelta(days=200)
    request = device.request()
    with database.begin() as connection:
        row = row_of(database)
        renewed = renew(connection, authority, row.pk, request.csr_pem, now=later)
    assert key_sha256(der(renewed.pem)) == device.key_sha256
    assert renewed.expires_at == later + timedelta(days=365)
    assert row_of(database).certificate_expires_at == int(renewed.expires_at.timestamp())
    assert kinds(database) == ["enrolled", "renewed"]


def test_a_renewal_is_refused_to_devices_that_were_removed_meanwhile(database, issue, ask, authority):
    device = Identity.new("cam-0001")
    ask(device, token=issue())
    pk, csr = row_of(database).pk, device.request().csr_pem
    with database.begin() as connection:
        revoke(connection, "cam-0001", now=NOW)
        with pytest.raises(RevokedError):
            renew(connection, authority, pk, csr, now=NOW)
        with pytest.raises(UnknownDeviceError):
            renew(connection, authority, pk + 1, csr, now=NOW)
