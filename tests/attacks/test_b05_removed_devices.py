"""B05: a decommissioned or revoked device comes back."""

from dataclasses import astuple
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from support.device_api import ApiUnderTest
from support.fleet import PRODUCT, miscounted, open_database
from support.identities import NOW, Factory, Identity, make_device_authority

from ota_server.database.schema import (
    denied_keys,
    device_events,
    device_seen,
    devices,
    enrolment_tokens,
    group_members,
    groups,
    inventories,
    metadata,
    report_streams,
)
from ota_server.devices import tokens
from ota_server.devices.enrolment import enrol, renew
from ota_server.devices.removal import Erased, decommission, revoke
from ota_server.errors import EnrolmentError, NotFoundError, RevokedError, UnknownDeviceError

DAY = timedelta(days=1)
REMOVALS = [revoke, decommission]


class Fleet:
    """A device that is to go, one that stays, and every trace that a device leaves."""

    def __init__(self, folder):
        self.factory = Factory.new()
        self.authority = make_device_authority(folder, factories=[self.factory])
        self.database = open_database(folder)
        self.gone, self.stays = Identity.new("cam-gone"), Identity.new("cam-stays")
        for identity in (self.gone, self.stays):
            self.enrol(identity, token=self.token())
        with self.database.begin() as connection:
            connection.execute(
                insert(groups).values(
                    id=1, product="camera", name="all", query="all", created_at=0, devices=2
                )
            )
            for pk in (1, 2):
                for table, row in {
                    device_seen: {"seen_at": 5},
                    inventories: {"document": "{}", "updated_at": 5},
                    report_streams: {"stream": "0" * 32, "sequence": 1, "changed_at": 5},
                    group_members: {"group_id": 1},
                }.items():
                    connection.execute(insert(table).values(device_pk=pk, **row))

    def token(self, **named):
        with self.database.begin() as connection:
            given = {"product": "camera", "lifetime": DAY, "now": NOW, **named}
            return tokens.issue(connection, **given).token

    def enrol(self, identity, **credential):
        with self.database.begin() as connection:
            return enrol(connection, self.authority, identity.request(**credential), now=NOW)

    def remove(self, removal):
        with self.database.begin() as connection:
            return removal(connection, "cam-gone", now=NOW)

    def rows(self, table):
        with self.database.read() as connection:
            return connection.execute(select(table)).all()


@pytest.fixture
def fleet(tmp_path):
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.database.close()


@pytest.mark.parametrize("removal", REMOVALS)
def test_b05_the_key_does_not_come_back_by_any_name_or_credential(fleet, removal):
    fleet.remove(removal)
    credentials = [
        {"token": fleet.token()},
        {"token": fleet.token(device_ids="cam-gone", rekey=True)},
        {"factory_der": fleet.factory.make(fleet.gone.key, "cam-gone")},
        {"factory_der": fleet.factory.make(fleet.gone.key, "cam-fresh")},
    ]
    for name in ("cam-gone", "cam-fresh"):
        for credential in credentials:
            with pytest.raises(EnrolmentError):
                fleet.enrol(Identity(name, fleet.gone.key), **credential)
    assert "cam-fresh" not in {row.device_id for row in fleet.rows(devices)}


@pytest.mark.parametrize(
    ("removal", "error"), [(revoke, RevokedError), (decommission, UnknownDeviceError)]
)
def test_b05_a_certificate_is_not_renewed_after_the_removal(fleet, removal, error):
    fleet.remove(removal)
    csr = fleet.gone.request().csr_pem
    with fleet.database.begin() as connection, pytest.raises(error):
        renew(connection, fleet.authority, 1, csr, now=NOW)


@pytest.mark.parametrize("removal", REMOVALS)
def test_b05_the_factory_s_certificate_that_enrolled_it_brings_it_back_with_no_new_key(fleet, removal):
    in_factory, device = Identity.new("cam-gone-2"), Identity.new("cam-gone-2")
    made_there = fleet.factory.make(in_factory.key, "cam-gone-2")
    fleet.enrol(device, factory_der=made_there)
    with fleet.database.begin() as connection:
        removal(connection, "cam-gone-2", now=NOW)
    for identity in (device, in_factory, Identity.new("cam-gone-2")):
        with pytest.raises(EnrolmentError):
            fleet.enrol(identity, factory_der=made_there)


@pytest.mark.parametrize("removal", REMOVALS)
def test_b05_tokens_for_this_device_alone_are_void(fleet, removal):
    fleet.token(device_ids="cam-gone", rekey=True)
    fleet.token(device_ids="cam-*")
    fleet.remove(removal)
    assert [row.device_ids for row in fleet.rows(enrolment_tokens)] == ["*", "*", "cam-*"]


def test_b05_a_revoked_device_stays_on_record(fleet):
    fleet.remove(revoke)
    fleet.remove(revoke)
    gone, stays = fleet.rows(devices)
    assert (gone.status, stays.status) == ("revoked", "active")
    assert [row.kind for row in fleet.rows(device_events) if row.device_pk == 1] == [
        "enrolled",
        "revoked",
    ]
    assert [(row.key_sha256, row.reason) for row in fleet.rows(denied_keys)] == [
        (fleet.gone.key_sha256, "revoked")
    ]


def test_b05_a_decommissioned_device_leaves_its_key_s_digest_and_nothing_else(fleet):
    fleet.token(device_ids="cam-gone")
    erased = fleet.remove(decommission)
    assert erased == Erased(
        devices=1, last_seen=1, inventories=1, events=1, report_streams=1, groups=1, tokens=1, told=1
    )
    assert [(row.key_sha256, row.reason) for row in fleet.rows(denied_keys)] == [
        (fleet.gone.key_sha256, "decommissioned")
    ]
    for table in metadata.sorted_tables:
        if "device_pk" in table.c:
            assert {row.device_pk for row in fleet.rows(table)} <= {2}, table.name
        # that it is gone must be told; after a week this is forgotten too (tests/privacy)
        kept = [row for row in fleet.rows(table) if "device.decommissioned" not in str(row)]
        assert "cam-gone" not in str(kept)
    assert [row.devices for row in fleet.rows(groups)] == [1]


def test_b05_decommissioning_again_erases_nothing_and_a_revoked_device_can_be_decommissioned(fleet):
    fleet.remove(revoke)
    assert fleet.remove(decommission).devices == 1
    assert set(astuple(fleet.remove(decommission))) == {0}
    assert len(fleet.rows(devices)) == 1


def test_b05_who_is_not_known_cannot_be_revoked(fleet):
    with fleet.database.begin() as connection, pytest.raises(NotFoundError, match="'nobody'"):
        revoke(connection, "nobody", now=NOW)


@pytest.mark.parametrize("removal", REMOVALS)
def test_b05_it_is_refused_from_its_next_request_on(tmp_path, removal):
    with ApiUnderTest(tmp_path) as api:
        gone, stays = api.device("cam-gone"), api.device("cam-stays")
        assert gone.check_in().status == 200
        with api.database.begin() as connection:
            removal(connection, "cam-gone", now=api.now)
        csr = {"csr": gone.identity.request().csr_pem}
        for answer in (
            gone.check_in(),
            gone.report(),
            gone.ask("GET", "/device/v1/assignment"),
            gone.ask("POST", "/device/v1/renew", csr),
            gone.ask("PUT", "/device/v1/attributes", {"attributes": {}, "slots": []}),
        ):
            assert (answer.status, answer.json["code"]) == (403, "revoked")
        assert stays.check_in().status == 200


@pytest.mark.parametrize(("removal", "members"), [(revoke, 2), (decommission, 1)])
def test_b05_it_gives_its_place_in_a_rollout_back(tmp_path, removal, members):
    with ApiUnderTest(tmp_path) as api:
        gone, next_one = api.device("cam-gone"), api.device("cam-next")
        for device in (gone, next_one):
            device.check_in()
        api.roll_out(gone, next_one, max_in_flight=1)
        assert "assignment" in gone.check_in().json
        assert "assignment" not in next_one.check_in().json
        with api.database.begin() as connection:
            removal(connection, "cam-gone", now=api.now)
        assert "assignment" in next_one.check_in().json
        with api.database.read() as connection:
            assert miscounted(connection) == []
        assert [row.members for row in api.rows(metadata.tables["rollout_waves"])] == [members]


def test_b05_a_device_that_an_operator_brings_back_takes_part_in_its_rollouts_again(tmp_path):
    with ApiUnderTest(tmp_path) as api:
        gone, next_one = api.device("cam-gone"), api.device("cam-next")
        for device in (gone, next_one):
            device.check_in()
        api.roll_out(gone, next_one)
        with api.database.begin() as connection:
            revoke(connection, "cam-gone", now=api.now)
        token = api.token(device_ids="cam-gone", rekey=True)
        mended = Identity.new("cam-gone", product=PRODUCT)
        with api.database.begin() as connection:
            enrol(connection, api.authority, mended.request(token=token), now=api.now)
            assert miscounted(connection) == []
        assert {row.state for row in api.rows(metadata.tables["rollout_devices"])} == {"pending"}
