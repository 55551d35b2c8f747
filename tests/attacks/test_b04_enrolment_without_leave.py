"""B04: an unknown device enrols itself, or a self-declared name takes over a known device."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.fleet import open_database
from support.identities import NOW, Factory, Identity, der, make_device_authority

from ota_server.database.schema import denied_keys, device_events, devices, enrolment_tokens
from ota_server.devices import tokens
from ota_server.devices.enrolment import enrol
from ota_server.devices.removal import decommission
from ota_server.errors import EnrolmentError

DAY = timedelta(days=1)


class Fleet:
    """One enrolled device, ``cam-known``, and whoever else asks."""

    def __init__(self, folder):
        self.factory = Factory.new()
        self.authority = make_device_authority(folder, factories=[self.factory])
        self.database = open_database(folder)
        self.known = Identity.new("cam-known")
        self.enrol(self.known, token=self.token())

    def token(self, **named):
        given = {"product": "camera", "lifetime": DAY, "now": NOW, **named}
        with self.database.begin() as connection:
            return tokens.issue(connection, **given).token

    def enrol(self, identity, now=NOW, **credential):
        with self.database.begin() as connection:
            return enrol(connection, self.authority, identity.request(**credential), now=now)

    def contents(self):
        tables = (devices, device_events, denied_keys, enrolment_tokens)
        with self.database.read() as connection:
            return [connection.execute(select(table)).all() for table in tables]


@pytest.fixture
def fleet(tmp_path):
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.database.close()


def used_up(fleet):
    token = fleet.token()
    fleet.enrol(Identity.new("cam-first"), token=token)
    return Identity.new("cam-new"), {"token": token}


def withdrawn(fleet):
    token = fleet.token()
    with fleet.database.begin() as connection:
        tokens.withdraw(connection, tokens.find(connection, token, NOW).id)
    return Identity.new("cam-new"), {"token": token}


def key_of_a_decommissioned_device(fleet):
    gone = Identity.new("cam-gone")
    fleet.enrol(gone, token=fleet.token())
    with fleet.database.begin() as connection:
        decommission(connection, "cam-gone", now=NOW)
    return gone, {"token": fleet.token()}


def by_factory(fleet, name, made_for, **made):
    identity = Identity.new(name)
    factory = made.pop("factory", fleet.factory)
    return identity, {"factory_der": factory.make(identity.key, made_for, **made)}


REFUSED = {
    "shows nothing": lambda _: (Identity.new("cam-new"), {}),
    "guesses a token": lambda _: (Identity.new("cam-new"), {"token": "A" * 43}),
    "shows an empty token": lambda _: (Identity.new("cam-new"), {"token": ""}),
    "shows a token that is used up": used_up,
    "shows a withdrawn token": withdrawn,
    "shows an expired token": lambda fleet: (
        Identity.new("cam-new"),
        {"token": fleet.token(now=NOW - 2 * DAY)},
    ),
    "shows a token for other device ids": lambda fleet: (
        Identity.new("cam-new"),
        {"token": fleet.token(device_ids="gw-*")},
    ),
    "shows a token for another product": lambda fleet: (
        Identity.new("cam-new", product="gateway"),
        {"token": fleet.token()},
    ),
    "takes a known device's name": lambda fleet: (
        Identity.new("cam-known"),
        {"token": fleet.token(device_ids="cam-known")},
    ),
    "takes a known device's name by its factory": lambda fleet: by_factory(
        fleet, "cam-known", "cam-known"
    ),
    "has a known device's key": lambda fleet: (
        Identity("cam-new", fleet.known.key),
        {"token": fleet.token()},
    ),
    "has the key of a decommissioned device": key_of_a_decommissioned_device,
    "shows a known device's certificate": lambda fleet: (
        Identity.new("cam-new"),
        {"factory_der": der(fleet.known.certificate(fleet.authority).pem)},
    ),
    "shows a device's certificate for a name that is free": lambda fleet: (
        new := Identity.new("cam-new"),
        {"factory_der": der(new.certificate(fleet.authority).pem)},
    ),
    "shows a foreign factory's certificate": lambda fleet: by_factory(
        fleet, "cam-new", "cam-new", factory=Factory.new()
    ),
    "shows an expired factory's certificate": lambda fleet: by_factory(
        fleet, "cam-new", "cam-new", now=NOW - 3 * DAY, days=1
    ),
    "shows a factory's certificate for another name": lambda fleet: by_factory(
        fleet, "cam-new", "cam-other"
    ),
    "shows no certificate at all": lambda _: (Identity.new("cam-new"), {"factory_der": b"junk"}),
}


@pytest.mark.walk(7)
@pytest.mark.parametrize("attempt", REFUSED.values(), ids=REFUSED)
def test_b04_a_device_is_not_enrolled_that(fleet, attempt):
    identity, credential = attempt(fleet)
    before = fleet.contents()
    with pytest.raises(EnrolmentError):
        fleet.enrol(identity, **credential)
    assert fleet.contents() == before


def test_b04_all_refusals_look_alike_so_that_nothing_can_be_found_out(fleet):
    seen = set()
    for attempt in REFUSED.values():
        identity, credential = attempt(fleet)
        with pytest.raises(EnrolmentError) as refused:
            fleet.enrol(identity, **credential)
        error = refused.value
        seen.add((type(error), error.code, str(error), error.__cause__, error.__suppress_context__))
    assert len(seen) == 1


def test_b04_a_known_device_goes_on_while_others_try_its_name(fleet):
    stranger = Identity.new("cam-known")
    with pytest.raises(EnrolmentError):
        fleet.enrol(stranger, token=fleet.token())
    assert fleet.contents()[0][0].key_sha256 == fleet.known.key_sha256


def test_b04_a_token_for_one_device_enrols_one_however_many_ask_at_once(fleet):
    token = fleet.token()

    def attempt(number):
        try:
            return fleet.enrol(Identity.new(f"cam-{number}"), token=token).device_id
        except EnrolmentError:
            return None

    with ThreadPoolExecutor(8) as pool:
        enrolled = [name for name in pool.map(attempt, range(16)) if name]
    assert len(enrolled) == 1
    assert [row.device_id for row in fleet.contents()[0]] == ["cam-known", *enrolled]


def test_b04_a_name_goes_to_one_key_however_many_ask_at_once(fleet):
    token = fleet.token(uses=16)

    def attempt(identity):
        try:
            fleet.enrol(identity, token=token)
        except EnrolmentError:
            return None
        return identity.key_sha256

    with ThreadPoolExecutor(8) as pool:
        keys = [key for key in pool.map(attempt, [Identity.new("cam-x") for _ in range(16)]) if key]
    known, row = fleet.contents()[0]
    assert known.device_id == "cam-known"
    assert [row.key_sha256] == keys
    # those who came too late spent nothing
    (left,) = {token.uses_left for token in fleet.contents()[3]} - {0}
    assert left == 15
