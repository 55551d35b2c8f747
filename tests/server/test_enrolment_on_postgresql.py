"""B04 and B05 where writers do run at the same time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.fleet import with_tables
from support.identities import NOW, Identity, make_device_authority
from support.postgresql import needs_postgresql, postgresql

from ota_server.database.database import Database
from ota_server.database.schema import denied_keys, devices, enrolment_tokens
from ota_server.devices import tokens
from ota_server.devices.enrolment import enrol
from ota_server.devices.removal import decommission, revoke
from ota_server.errors import EnrolmentError

pytestmark = [pytest.mark.system, needs_postgresql]
DAY = timedelta(days=1)
AT_ONCE = 8


@pytest.fixture(scope="module")
def cluster():
    with postgresql() as cluster:
        yield cluster


@pytest.fixture
def database(cluster):
    database = with_tables(Database(cluster.database()))
    yield database
    database.close()


@pytest.fixture
def authority(tmp_path):
    return make_device_authority(tmp_path)


@pytest.fixture
def attempt(database, authority):
    """Enrol; tells whether it was."""

    def attempt(identity, token):
        try:
            with database.begin() as connection:
                enrol(connection, authority, identity.request(token=token), now=NOW)
        except EnrolmentError:
            return False
        return True

    return attempt


def issue(database, **named):
    with database.begin() as connection:
        return tokens.issue(connection, product="camera", lifetime=DAY, now=NOW, **named).token


def rows(database, table):
    with database.read() as connection:
        return connection.execute(select(table)).all()


def test_b04_a_token_enrols_as_many_as_it_says_however_many_ask_at_once(database, attempt):
    token = issue(database, uses=5)
    identities = [Identity.new(f"cam-{number}") for number in range(40)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert sum(pool.map(lambda one: attempt(one, token), identities)) == 5
    assert len(rows(database, devices)) == 5
    assert [row.uses_left for row in rows(database, enrolment_tokens)] == [0]


def test_b04_a_name_and_a_key_go_to_one_however_many_ask_at_once(database, attempt):
    token = issue(database, uses=100)
    key = Identity.new("cam-x").key
    same_name = [Identity.new("cam-name") for _ in range(20)]
    same_key = [Identity(f"cam-{number}", key) for number in range(20)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for identities in (same_name, same_key):
            assert sum(pool.map(lambda one: attempt(one, token), identities)) == 1
    assert [row.uses_left for row in rows(database, enrolment_tokens)] == [98]


@pytest.mark.parametrize("removal", [revoke, decommission])
def test_b05_no_key_comes_back_by_enrolling_while_it_is_removed(database, attempt, removal):
    token = issue(database, uses=1000)

    def remove(identity):
        with database.begin() as connection:
            removal(connection, identity.device_id, now=NOW)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(25):
            identity = Identity.new(f"cam-{number}")
            assert attempt(identity, token)
            asked = [pool.submit(attempt, identity, token) for _ in range(3)]
            removed = pool.submit(remove, identity)
            asked += [pool.submit(attempt, identity, token) for _ in range(3)]
            removed.result()
            for one in asked:
                one.result()
    denied = {row.key_sha256 for row in rows(database, denied_keys)}
    assert len(denied) == 25
    assert not {row.key_sha256 for row in rows(database, devices) if row.status == "active"} & denied
