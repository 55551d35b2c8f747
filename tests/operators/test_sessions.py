from datetime import timedelta

import pytest
from sqlalchemy import select
from support.people import NOW, SESSIONS, enter, known, open_house

from ota_server.database.operators_schema import sessions
from ota_server.errors import NotFoundError, UnauthenticatedError
from ota_server.operators import account_changes, session
from ota_server.settings import OperatorSettings

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def database(tmp_path):
    database = open_house(tmp_path, mia="operator:cam")
    yield database
    database.close()


@pytest.fixture
def mia(database):
    return known(database, "mia")


@pytest.fixture
def token(database, mia):
    with database.begin() as connection:
        return session.start(connection, mia.id, NOW, rules=SESSIONS)


def find(database, token, now=NOW):
    with database.read() as connection:
        return session.find(connection, token, now, rules=SESSIONS)


def use(database, token, now):
    with database.begin() as connection:
        session.note_use(connection, token, now)


def is_open(database, token, now):
    try:
        find(database, token, now)
    except UnauthenticatedError:
        return False
    return True


def test_the_rules_are_those_of_the_settings():
    rules = session.SessionRules.of(OperatorSettings(session_hours=2, session_idle_minutes=5))
    assert (rules.lifetime, rules.idle) == (2 * HOUR, 5 * MINUTE)


def test_a_session_ends_when_nothing_comes(database, token):
    assert is_open(database, token, NOW + HOUR - SECOND)
    assert not is_open(database, token, NOW + HOUR)
    use(database, token, NOW + 30 * MINUTE)
    assert is_open(database, token, NOW + 90 * MINUTE - SECOND)


def test_a_session_ends_however_busy(database, token):
    for number in range(1, 24):
        use(database, token, NOW + number * 30 * MINUTE)
    assert is_open(database, token, NOW + 12 * HOUR - SECOND)
    use(database, token, NOW + 12 * HOUR - SECOND)
    assert not is_open(database, token, NOW + 12 * HOUR)


def test_its_use_is_written_at_most_once_a_minute(database, token):
    assert not find(database, token, NOW + 59 * SECOND).use_is_due
    assert find(database, token, NOW + MINUTE).use_is_due
    use(database, token, NOW + 59 * SECOND)
    with database.read() as connection:
        assert connection.scalar(select(sessions.c.used_at)) == NOW.timestamp()
    use(database, token, NOW + MINUTE)
    assert not find(database, token, NOW + MINUTE).use_is_due


def test_to_find_one_writes_nothing(database, token):
    before = find(database, token)
    assert find(database, token, NOW + 30 * MINUTE).expires_at == before.expires_at
    assert not is_open(database, token, NOW + HOUR)


def test_signing_out_ends_this_one_alone(database, mia, token):
    other = enter(database, "mia")
    with database.begin() as connection:
        session.end(connection, token)
        session.end(connection, token)
    assert not is_open(database, token, NOW)
    assert is_open(database, other, NOW)


def test_all_may_be_ended_but_one(database, mia, token):
    enter(database, "mia")
    with database.begin() as connection:
        assert session.end_all(connection, mia.id, but=token) == 1
    assert is_open(database, token, NOW)


def test_they_are_listed_by_handles_that_open_nothing(database, mia, token):
    other = enter(database, "mia", now=NOW + MINUTE)
    with database.begin() as connection:
        found = session.listed(connection, mia.id, NOW + MINUTE, rules=SESSIONS)
        assert [one.handle for one in found] == [session.handle_of(other), session.handle_of(token)]
        assert not set(found[0].handle) <= set(token)
        session.end_one(connection, mia.id, found[0].handle)
        with pytest.raises(NotFoundError):
            session.end_one(connection, mia.id + 1, found[1].handle)
    assert is_open(database, token, NOW)
    assert not is_open(database, other, NOW)


def test_a_disabled_operator_s_sessions_are_gone_for_good(database, mia, token):
    with database.begin() as connection:
        account_changes.disable(connection, mia.id)
        account_changes.enable(connection, mia.id)
    assert not is_open(database, token, NOW)


def test_roles_count_from_the_next_request_on(database, mia, token):
    from support.people import grants

    with database.begin() as connection:
        account_changes.set_grant(connection, mia.id, *grants("viewer:cam"))
    assert find(database, token).actor.grants == {"cam": "viewer"}


def test_what_has_expired_is_forgotten_by_who_comes_next(database, mia, token):
    with database.begin() as connection:
        session.start(connection, mia.id, NOW + 13 * HOUR, rules=SESSIONS)
        assert len(connection.execute(select(sessions)).all()) == 1


def test_a_form_s_token_belongs_to_one_session(database, token):
    form = find(database, token).csrf_token
    assert session.is_csrf_token(token, form)
    assert not session.is_csrf_token("rats_another", form)
    for other in ("", "x", form[:-1], form.upper(), "\ud800", token):
        assert not session.is_csrf_token(token, other)


@pytest.mark.parametrize("text", ["", "rats_", "x" * 100_000, "\ud800", "' OR 1=1 --"])
def test_another_text_is_no_session(database, token, text):
    with pytest.raises(UnauthenticatedError):
        find(database, text)
