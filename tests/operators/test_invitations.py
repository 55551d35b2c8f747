from datetime import timedelta

import pytest
from sqlalchemy import select
from support.people import NOW, PASSWORD, SESSIONS, enter, invited, known, member, quick_passwords

from ota_server.database.operators_schema import audit_entries, invitations, operators
from ota_server.errors import InvalidError, NotFoundError, SignInError, UnauthenticatedError
from ota_server.operators import account_changes, invitation, session
from ota_server.operators.account import Status

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def accept(database, code, password=PASSWORD, now=NOW):
    return invitation.accept(database, quick_passwords(), code, password, rules=SESSIONS, now=now)


def again(database, name, now=NOW, **named):
    with database.begin() as connection:
        return invitation.invite(connection, known(database, name).id, now=now, **named)


def test_a_link_sets_a_password_once_and_signs_in(database):
    code = invited(database, "mia", "operator:cam")
    assert known(database, "mia").status is Status.INVITED
    token = accept(database, code)
    with database.read() as connection:
        assert session.find(connection, token, NOW, rules=SESSIONS).operator.name == "mia"
    assert known(database, "mia").status is Status.ACTIVE
    enter(database, "mia")
    with pytest.raises(NotFoundError, match="was not used"):
        accept(database, code, "another good password")


def test_to_look_at_a_link_uses_nothing_up(database):
    code = invited(database, "mia", "operator:cam")
    for _ in range(2):
        with database.read() as connection:
            assert invitation.find(connection, code, NOW).name == "mia"
    accept(database, code)


def test_a_link_is_good_for_a_day_and_the_database_has_its_digest_alone(database):
    code = invited(database, "mia", "operator:cam")
    with database.read() as connection:
        assert code not in str(connection.execute(select(invitations)).all())
        operator_id = known(database, "mia").id
        assert invitation.expires_at(connection, operator_id, NOW) == NOW + DAY
        assert invitation.expires_at(connection, operator_id, NOW + DAY) is None
    with pytest.raises(NotFoundError):
        accept(database, code, now=NOW + DAY)
    accept(database, code, now=NOW + DAY - SECOND)


def test_a_password_that_is_not_taken_leaves_the_link_good(database):
    code = invited(database, "mia", "operator:cam")
    with pytest.raises(InvalidError, match="12 to 256 characters"):
        accept(database, code, "short")
    accept(database, code)


def test_a_new_link_voids_the_earlier_one(database):
    code = invited(database, "mia", "operator:cam")
    link = again(database, "mia")
    with pytest.raises(NotFoundError):
        accept(database, code)
    accept(database, link.code)


def test_a_new_link_ends_sessions_and_locks_once_it_is_used(database):
    token = member(database, "mia", "operator:cam")
    for _ in range(4):
        with pytest.raises(SignInError):
            enter(database, "mia", "wrong")
    link = again(database, "mia")
    with database.read() as connection:
        session.find(connection, token, NOW, rules=SESSIONS)
    accept(database, link.code, "a wholly new phrase")
    with database.read() as connection, pytest.raises(UnauthenticatedError):
        session.find(connection, token, NOW, rules=SESSIONS)
    enter(database, "mia", "a wholly new phrase")


def test_a_disabled_operator_s_link_is_void(database):
    code = invited(database, "mia", "operator:cam")
    with database.begin() as connection:
        account_changes.disable(connection, known(database, "mia").id)
    with pytest.raises(NotFoundError):
        accept(database, code)


@pytest.mark.parametrize("lifetime", [timedelta(0), 15 * DAY])
def test_a_link_lasts_no_longer_than_two_weeks(database, lifetime):
    invited(database, "mia", "operator:cam")
    with pytest.raises(InvalidError, match="at most 14 days"):
        again(database, "mia", lifetime=lifetime)


def test_links_that_expired_are_forgotten(database):
    invited(database, "mia", "operator:cam")
    invited(database, "ole", "operator:cam", now=NOW + DAY)
    with database.read() as connection:
        assert len(connection.execute(select(invitations)).all()) == 1


def test_two_at_once_set_one_password(database, monkeypatch):
    code = invited(database, "mia", "operator:cam")
    passwords = quick_passwords()

    class Overtaken:
        def hash(self, password):
            kept = passwords.hash(password)
            accept(database, code, "the quicker one's words")
            return kept

    with pytest.raises(NotFoundError):
        invitation.accept(database, Overtaken(), code, PASSWORD, rules=SESSIONS, now=NOW)
    enter(database, "mia", "the quicker one's words")


def test_it_is_written_down_without_the_secret(database):
    code = invited(database, "mia", "operator:cam")
    accept(database, code)
    with database.read() as connection:
        (entry,) = connection.execute(select(audit_entries)).all()
        kept = connection.scalar(select(operators.c.password_hash))
    assert (entry.actor, entry.action, entry.target) == ("mia", "operator.set-password", "mia")
    assert PASSWORD not in f"{entry}{kept}"
    assert kept.startswith("$argon2id$")


def test_a_link_is_an_address_below_the_public_one(database):
    invited(database, "mia", "operator:cam")
    link = again(database, "mia")
    assert link.url("https://fleet.example") == f"https://fleet.example/welcome?code={link.code}"
    assert link.code.startswith("ratl_")
