"""B12: sessions and API tokens: stolen, fixed in advance, kept for ever."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from support.people import (
    NOW,
    PASSWORD,
    RULES,
    desk,
    enter,
    grants,
    invited,
    known,
    open_house,
    quick_passwords,
)

from ota_server.database.operators_schema import api_tokens, sessions
from ota_server.errors import UnauthenticatedError
from ota_server.operations import people
from ota_server.operators import api_token, session
from ota_server.operators.sign_in import change_password

HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path):
    database = open_house(tmp_path, mia="admin", ole="viewer", root="admin")
    yield database
    database.close()


def is_open(database, token, now=NOW):
    try:
        with database.read() as connection:
            session.find(connection, token, now, rules=RULES.sessions)
    except UnauthenticatedError:
        return False
    return True


def test_b12_every_sign_in_makes_another_token_so_none_can_be_fixed_in_advance(database):
    tokens = {enter(database, "mia") for _ in range(5)}
    assert len(tokens) == 5
    assert all(token.startswith("rats_") and len(token) == len("rats_") + 43 for token in tokens)


def test_b12_a_token_that_somebody_chose_is_no_session(database):
    assert not is_open(database, "rats_" + "A" * 43)


def test_b12_who_reads_the_database_cannot_use_what_is_there(database):
    token = enter(database, "mia")
    with database.begin() as connection:
        issued = api_token.issue(
            connection, name="ci", grants=grants("admin"), operator_id=None, now=NOW
        )
        kept = [row.token_sha256 for row in connection.execute(select(sessions))]
        kept += [row.token_sha256 for row in connection.execute(select(api_tokens))]
    assert token not in kept
    assert issued.token not in kept
    for digest in kept:
        assert not is_open(database, digest)
        with database.read() as connection, pytest.raises(UnauthenticatedError):
            api_token.find(connection, digest, NOW)


def test_b12_a_stolen_session_ends_in_hours_however_it_is_used(database):
    token, now = enter(database, "mia"), NOW
    while is_open(database, token, now):
        with database.begin() as connection:
            session.note_use(connection, token, now)
        now += HOUR / 2
    assert now == NOW + RULES.sessions.lifetime


def test_b12_a_session_that_is_not_used_ends(database):
    assert not is_open(database, enter(database, "mia"), NOW + RULES.sessions.idle)


@pytest.mark.parametrize(
    "way", ["sign out", "all", "by an admin", "disabled", "removed", "new password"]
)
def test_b12_a_session_that_was_ended_opens_nothing(database, way):
    token = enter(database, "mia")
    mia, root = known(database, "mia"), known(database, "root").actor
    if way == "new password":
        change_password(
            database,
            quick_passwords(),
            enter(database, "mia"),
            old=PASSWORD,
            new="words that are wholly new",
            rules=RULES,
            now=NOW,
        )
    else:
        with database.begin() as connection:
            {
                "sign out": lambda: session.end(connection, token),
                "all": lambda: session.end_all(connection, mia.id),
                "by an admin": lambda: people.sign_out(desk(connection, root), "mia"),
                "disabled": lambda: people.disable(desk(connection, root), "mia"),
                "removed": lambda: people.remove(desk(connection, root), "mia"),
            }[way]()
    assert not is_open(database, token)


def test_b12_a_form_of_another_session_is_refused(database):
    mine, theirs = enter(database, "mia"), enter(database, "mia")
    assert not session.is_csrf_token(mine, session.csrf_token(theirs))
    # what stands in every page's forms does not give the cookie away
    assert mine not in session.csrf_token(mine)
    assert session.handle_of(mine) not in session.csrf_token(mine)


def test_b12_a_session_of_an_account_that_has_not_set_a_password_opens_nothing(database):
    invited(database, "new", "admin")
    row = {"created_at": 0, "used_at": int(NOW.timestamp()), "expires_at": 2**40}
    with database.begin() as connection:
        digest = session.secret_token.digest("planted")
        row |= {"token_sha256": digest, "operator_id": known(database, "new").id}
        connection.execute(insert(sessions).values(row))
    assert not is_open(database, "planted")


def test_b12_rights_that_were_taken_away_are_gone_from_open_sessions_and_tokens(database):
    token, root = enter(database, "mia"), known(database, "root").actor
    with database.begin() as connection:
        mia = known(database, "mia")
        issued = api_token.issue(
            connection, name="ci", grants=grants("admin"), operator_id=mia.id, now=NOW
        )
        people.revoke_grant(desk(connection, root), "mia", "*")
    with database.read() as connection:
        assert session.find(connection, token, NOW, rules=RULES.sessions).actor.grants == {}
        assert api_token.find(connection, issued.token, NOW).grants == {}
