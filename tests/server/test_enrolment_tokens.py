import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from support.fleet import open_database
from support.identities import NOW

from ota_client.formats.strict import is_name
from ota_server.database.schema import enrolment_tokens
from ota_server.devices import tokens
from ota_server.errors import InvalidError, NotFoundError

DAY = timedelta(days=1)


@pytest.fixture
def connection(tmp_path):
    database = open_database(tmp_path)
    with database.begin() as connection:
        yield connection
    database.close()


def issue(connection, **named):
    return tokens.issue(connection, **{"product": "camera", "lifetime": DAY, "now": NOW, **named})


def test_a_token_has_256_random_bits_and_the_database_has_its_digest_alone(connection):
    issued = issue(connection, random_bytes=lambda count: bytes(range(count)))
    assert issued.token == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    row = connection.execute(select(enrolment_tokens)).one()
    assert row.token_sha256 == hashlib.sha256(issued.token.encode()).hexdigest()
    assert issued.token not in map(str, row)


def test_two_tokens_differ(connection):
    assert issue(connection).token != issue(connection).token


def test_a_token_is_found_until_it_expires(connection):
    issued = issue(connection)
    assert issued.expires_at == NOW + DAY
    assert tokens.find(connection, issued.token, NOW + DAY - timedelta(seconds=1)).id == issued.id
    assert tokens.find(connection, issued.token, NOW + DAY) is None


@pytest.mark.parametrize("text", ["", "x", "\ud800", "x" * 100_000, "' OR 1=1 --", "%"])
def test_another_text_is_no_token(connection, text):
    issue(connection)
    assert tokens.find(connection, text, NOW) is None


def test_a_withdrawn_token_is_none(connection):
    issued = issue(connection)
    tokens.withdraw(connection, issued.id)
    assert tokens.find(connection, issued.token, NOW) is None
    with pytest.raises(NotFoundError):
        tokens.with_id(connection, issued.id, NOW, products=None)


def test_tokens_are_listed_without_what_they_are(connection):
    first = issue(connection, uses=3, device_ids="cam-*", tags=("b", "a", "b"))
    second = issue(connection, device_ids="cam-0001", rekey=True, lifetime=3 * DAY)
    one, other = tokens.listed(connection, NOW, products=None)
    assert (one.id, one.uses_left, one.tags, one.rekey) == (first.id, 3, ("a", "b"), False)
    assert (other.id, other.device_ids, other.rekey) == (second.id, "cam-0001", True)
    assert other.expires_at == NOW + 3 * DAY
    assert first.token not in str(one)


def test_expired_tokens_are_neither_listed_nor_kept(connection):
    issue(connection)
    assert tokens.listed(connection, NOW + DAY, products=None) == ()
    issue(connection, now=NOW + DAY)
    assert len(connection.execute(select(enrolment_tokens)).all()) == 1


def test_each_use_is_counted(connection):
    token = tokens.find(connection, issue(connection, uses=2).token, NOW)
    assert [tokens.use(connection, token) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("pattern", "device_id", "covered"),
    [
        ("*", "cam-1", True),
        ("cam-*", "cam-1", True),
        ("cam-*", "xcam-1", False),
        ("cam-?", "cam-12", False),
        ("cam-1", "cam-1", True),
        ("cam-1", "cam-12", False),
        ("cam.1", "cam-1", False),
    ],
)
def test_a_token_covers_the_device_ids_of_its_pattern(connection, pattern, device_id, covered):
    token = tokens.find(connection, issue(connection, device_ids=pattern).token, NOW)
    assert token.covers("camera", device_id) is covered
    assert not token.covers("gateway", device_id)


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,30}", fullmatch=True))
def test_a_pattern_without_wildcards_covers_one_device_id(name):
    token = tokens.Token(1, "camera", name, (), uses_left=1, rekey=False, created_at=NOW, expires_at=NOW)
    assert is_name(name)
    assert token.covers("camera", name)
    assert not token.covers("camera", name + "x")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"product": "Camera"}, "product: expected a name"),
        ({"device_ids": ""}, "device ids: expected an id"),
        ({"device_ids": "cam-[0-9]"}, "device ids: expected an id"),
        ({"device_ids": "x" * 65}, "device ids: expected an id"),
        ({"uses": 0}, "uses: expected 1 to"),
        ({"uses": 100_001}, "uses: expected 1 to"),
        ({"lifetime": timedelta(0)}, "lifetime: expected more than none"),
        ({"lifetime": timedelta(days=367)}, "at most 366 days, got 367 days$"),
        ({"tags": ("A",)}, "tags: expected"),
        ({"tags": [f"t{n}" for n in range(21)]}, "tags: expected"),
        ({"rekey": True}, "rekey: expected one device id"),
        ({"rekey": True, "device_ids": "cam-1", "uses": 2}, "rekey: expected one device id"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_issued(connection, wrong, sentence):
    with pytest.raises(InvalidError, match=sentence):
        issue(connection, **wrong)
    assert connection.execute(select(enrolment_tokens)).first() is None
