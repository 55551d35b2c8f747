from datetime import timedelta

import pytest
from sqlalchemy import select, update
from support.people import NOW, PASSWORD, RULES, enter, invited, known, open_house, quick_passwords

from ota_server.database.operators_schema import audit_entries, operators, sessions
from ota_server.errors import InvalidError, SignInError, UnauthenticatedError
from ota_server.operators import account_changes, session
from ota_server.operators.sign_in import LockRules, change_password

MINUTE = timedelta(minutes=1)


@pytest.fixture
def database(tmp_path):
    database = open_house(tmp_path, mia="operator:cam")
    yield database
    database.close()


@pytest.fixture
def mia(database):
    return known(database, "mia")


def whose(database, token, now=NOW):
    with database.read() as connection:
        return session.find(connection, token, now, rules=RULES.sessions)


def test_the_right_pair_begins_a_session(database, mia):
    signed_in = whose(database, enter(database, "mia", now=NOW + MINUTE), NOW + MINUTE)
    assert signed_in.actor == mia.actor
    assert signed_in.actor.label == "operator:mia"
    assert known(database, "mia").signed_in_at == NOW + MINUTE


def test_signing_in_stands_in_the_audit_log_without_the_password(database, mia):
    enter(database, "mia")
    with database.read() as connection:
        entries = connection.execute(select(audit_entries)).all()
    assert [(e.actor, e.action) for e in entries][-1] == ("mia", "operator.sign-in")
    assert PASSWORD not in str(entries)


@pytest.mark.parametrize(
    ("name", "password"),
    [("mia", "wrong"), ("mia", ""), ("MIA", PASSWORD), ("nobody", PASSWORD), ("\ud800", "\ud800")],
)
def test_another_pair_does_not(database, mia, name, password):
    with pytest.raises(SignInError, match="expected the name and the password of an operator"):
        enter(database, name, password)


def test_who_has_not_used_the_link_yet_has_no_password(database):
    invited(database, "new", "operator:cam")
    with pytest.raises(SignInError):
        enter(database, "new", "")


def test_a_disabled_operator_does_not_sign_in(database, mia):
    with database.begin() as connection:
        account_changes.disable(connection, mia.id)
    with pytest.raises(SignInError):
        enter(database, "mia")
    with database.begin() as connection:
        account_changes.enable(connection, mia.id)
    enter(database, "mia")


def test_a_success_forgets_the_failures_and_says_how_many_there_were(database, mia):
    for _ in range(2):
        with pytest.raises(SignInError):
            enter(database, "mia", "wrong")
    enter(database, "mia")
    with database.read() as connection:
        row = connection.execute(select(operators)).one()
        last = connection.scalars(select(audit_entries.c.detail)).all()[-1]
    assert (row.failed_sign_ins, row.locked_until) == (0, 0)
    assert last == '{"failed_before":2}'


def test_a_hash_of_another_cost_is_made_anew(database, mia):
    from argon2 import PasswordHasher

    from ota_server.operators.password import Passwords

    dearer = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    enter(database, "mia", passwords=dearer)
    with database.read() as connection:
        kept = connection.execute(select(operators.c.password_hash)).scalar_one()
    assert "m=16,t=2" in kept
    enter(database, "mia", passwords=dearer)


@pytest.mark.parametrize("change", [{"status": "disabled"}, {"password_hash": "another's"}])
def test_an_account_that_is_changed_meanwhile_gets_no_session(database, mia, change):
    passwords = quick_passwords()
    with database.begin() as connection:
        session.end_all(connection, mia.id)

    class Slow:
        is_outdated = passwords.is_outdated

        def matches(self, kept, password):
            with database.begin() as connection:
                connection.execute(update(operators).values(change))
            return passwords.matches(kept, password)

    with pytest.raises(SignInError):
        enter(database, "mia", passwords=Slow())
    with database.read() as connection:
        assert connection.execute(select(sessions)).all() == []


def test_each_further_failure_doubles_the_lock_up_to_a_day():
    rules = LockRules(after=10, lock=15 * MINUTE)
    assert [rules.locked_for(n) / MINUTE for n in (9, 10, 11, 12)] == [0, 15, 30, 60]
    assert rules.locked_for(100) == rules.locked_for(10**6) == timedelta(days=1)
    assert LockRules(after=1, lock=timedelta(days=1)).locked_for(5) == timedelta(days=1)


def renewed(database, token, *, old=PASSWORD, new="another set of odd words"):
    return change_password(database, quick_passwords(), token, old=old, new=new, rules=RULES, now=NOW)


def test_a_new_password_ends_all_sessions_and_gives_another(database, mia):
    stolen, own = enter(database, "mia"), enter(database, "mia")
    new = renewed(database, own)
    assert whose(database, new).operator.name == "mia"
    for token in (stolen, own):
        with pytest.raises(UnauthenticatedError):
            whose(database, token)
    with pytest.raises(SignInError):
        enter(database, "mia")
    enter(database, "mia", "another set of odd words")


def test_who_stole_a_session_cannot_guess_the_password_for_ever(database, mia):
    token = enter(database, "mia")
    for _ in range(RULES.locks.after + 1):
        with pytest.raises(SignInError):
            renewed(database, token, old="wrong")
    with pytest.raises(SignInError):
        renewed(database, token)


def test_a_new_password_must_be_good_and_needs_a_session(database, mia):
    with pytest.raises(InvalidError, match="12 to 256 characters"):
        renewed(database, enter(database, "mia"), new="short")
    with pytest.raises(UnauthenticatedError):
        renewed(database, "rats_none")


def test_an_operator_of_an_identity_provider_has_no_password_to_sign_in_with(database, mia):
    with database.begin() as connection:
        connection.execute(update(operators).values(password_hash=""))
    with pytest.raises(SignInError):
        enter(database, "mia")
