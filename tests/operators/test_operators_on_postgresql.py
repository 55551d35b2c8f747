"""B12 where writers do run at the same time."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text
from support.fleet import with_tables
from support.people import (
    NOW,
    PASSWORD,
    RULES,
    desk,
    enter,
    grants,
    invited,
    known,
    member,
    quick_passwords,
)
from support.postgresql import needs_postgresql, postgresql

from ota_server.database.database import Database
from ota_server.database.operators_schema import operators
from ota_server.errors import ConflictError, NotFoundError, SignInError
from ota_server.operations import api_tokens, people
from ota_server.operators import account, api_token, invitation, session
from ota_server.operators.oidc.admission import admit
from ota_server.operators.oidc.identity import Identity

pytestmark = [pytest.mark.system, needs_postgresql]
AT_ONCE = 8


@pytest.fixture
def database():
    with postgresql() as cluster:
        database = with_tables(Database(cluster.database()))
        yield database
        database.close()


@contextmanager
def meanwhile(database, work):
    """A transaction of an admin; ``work`` begins before it ends, and waits for it."""
    with ThreadPoolExecutor(1) as pool, database.begin() as connection:
        yield desk(connection), (begun := [])
        begun.append(pool.submit(work))
        _wait_for_lock(database)


def _wait_for_lock(database):
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    deadline = time.monotonic() + 10
    while True:
        with database.read() as connection:
            if connection.scalar(waits):
                return
        assert time.monotonic() < deadline, "it does not wait"
        time.sleep(0.01)


def at_once(work):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, range(AT_ONCE)))


def test_b12_guesses_that_come_all_at_once_count_each(database):
    member(database, "mia", "admin")
    compared = []
    quick = quick_passwords()

    class Watched:
        is_outdated = quick.is_outdated

        def matches(self, kept, password):
            compared.append(bool(kept))
            return quick.matches(kept, password)

    def guess(number):
        with pytest.raises(SignInError):
            enter(database, "mia", f"guess {number}", passwords=Watched())

    at_once(guess)
    assert compared.count(True) == RULES.locks.after
    with pytest.raises(SignInError):
        enter(database, "mia")


def test_b13_of_all_who_open_a_link_at_once_one_sets_the_password(database):
    code = invited(database, "mia", "admin")

    def accept(number):
        try:
            return invitation.accept(
                database,
                quick_passwords(),
                code,
                f"{PASSWORD} {number}",
                rules=RULES.sessions,
                now=NOW,
            )
        except NotFoundError:
            return None

    tokens = [token for token in at_once(accept) if token]
    assert len(tokens) == 1
    with database.read() as connection:
        assert session.find(connection, tokens[0], NOW, rules=RULES.sessions).operator.name == "mia"


def test_a_name_is_given_once_and_the_loser_s_transaction_goes_on(database):
    def make(number):
        with database.begin() as connection:
            try:
                account.create(connection, "mia", grants("viewer"), now=NOW)
            except ConflictError:
                account.create(connection, f"mia-{number}", grants("viewer"), now=NOW)

    at_once(make)
    with database.read() as connection:
        assert len(connection.execute(select(operators)).all()) == AT_ONCE


def test_people_and_tokens_are_found_listed_and_changed(database):
    member(database, "root", "admin")
    token = enter(database, "root")
    root = known(database, "root").actor
    with database.begin() as connection:
        at = desk(connection, root)
        people.invite(at, "mia", grants("operator:cam"))
        people.grant(at, "mia", *grants("viewer"))
        issued = api_tokens.issue(at, "ci", grants("operator:cam"))
        assert people.disable(at, "mia").grants == {"cam": "operator", "*": "viewer"}
    with database.begin() as connection:
        assert api_token.find(connection, issued.token, NOW).grants == {"cam": "operator"}
        api_token.note_use(connection, issued.token, NOW)
        session.note_use(connection, token, NOW)
        assert [o.name for o in people.listed(desk(connection, root)).items] == ["mia", "root"]
        assert [s.handle for s in people.my_sessions(desk(connection, root), rules=RULES.sessions)]
        people.remove(desk(connection, root), "mia")


def test_b12_who_is_disabled_while_coming_from_a_provider_stays_so(database):
    with database.begin() as connection:
        identity = ("https://id.example", "mia-1")
        account.create(connection, "mia", grants("viewer"), identity=identity, now=NOW)
    comes = Identity(*identity, "mia", "", None)
    with meanwhile(database, lambda: admit(database, comes, rules=RULES.sessions, now=NOW)) as (
        admin,
        begun,
    ):
        people.disable(admin, "mia")
    with pytest.raises(SignInError):
        begun[0].result()
    assert known(database, "mia").status is account.Status.DISABLED


def test_b12_a_role_that_is_taken_away_does_not_come_back_with_another(database):
    member(database, "mia", "admin")

    def grant():
        with database.begin() as connection:
            people.grant(desk(connection), "mia", *grants("viewer:cam"))

    with meanwhile(database, grant) as (admin, begun):
        people.revoke_grant(admin, "mia", "*")
    begun[0].result()
    assert known(database, "mia").grants == {"cam": "viewer"}


def test_b13_who_is_disabled_gets_no_link_and_an_open_one_lets_nobody_in(database):
    code = invited(database, "mia", "admin")

    def accept():
        rules = RULES.sessions
        invitation.accept(database, quick_passwords(), code, PASSWORD, rules=rules, now=NOW)

    with meanwhile(database, accept) as (admin, begun):
        people.disable(admin, "mia")
    with pytest.raises(NotFoundError):
        begun[0].result()
    assert known(database, "mia").status is account.Status.DISABLED


def test_b13_of_two_links_that_are_made_at_once_one_is_good(database):
    code = invited(database, "mia", "admin")
    made = []

    def again():
        with database.begin() as connection:
            made.append(people.invite_again(desk(connection), "mia").link.code)

    with meanwhile(database, again) as (admin, begun):
        made.append(people.invite_again(admin, "mia").link.code)
    begun[0].result()
    with database.read() as connection:
        for void in (code, made[0]):
            with pytest.raises(NotFoundError):
                invitation.find(connection, void, NOW)
        assert invitation.find(connection, made[1], NOW).name == "mia"
