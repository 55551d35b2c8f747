from datetime import timedelta

import pytest
from sqlalchemy import select
from support.people import NOW, grants, known, member

from ota_server.database.operators_schema import api_tokens
from ota_server.errors import ConflictError, InvalidError, NotFoundError, UnauthenticatedError
from ota_server.operators import account_changes, api_token
from ota_server.operators.actor import ActorKind

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
def mia(database):
    member(database, "mia", "admin:cam", "viewer")
    return known(database, "mia")


def issue(database, *texts, owner=None, name="ci", now=NOW, **named):
    with database.begin() as connection:
        return api_token.issue(
            connection,
            name=name,
            grants=grants(*texts),
            operator_id=owner.id if owner else None,
            now=now,
            **named,
        )


def find(database, token, now=NOW):
    with database.read() as connection:
        return api_token.find(connection, token, now)


def refused(database, token, now=NOW):
    try:
        find(database, token, now)
    except UnauthenticatedError:
        return True
    return False


def test_a_token_of_the_machine_may_what_it_says(database):
    actor = find(database, issue(database, "operator:cam").token)
    assert (actor.kind, actor.label, actor.operator_id) == (ActorKind.TOKEN, "token:ci", None)
    assert actor.grants == {"cam": "operator"}


def test_the_database_has_its_digest_alone_and_it_says_what_it_is(database):
    token = issue(database, "operator:cam").token
    assert token.startswith("rat_")
    with database.read() as connection:
        assert token not in str(connection.execute(select(api_tokens)).all())


def test_a_token_never_may_more_than_its_owner_at_that_moment(database, mia):
    token = issue(database, "admin", owner=mia).token
    assert find(database, token).grants == {"cam": "admin", "*": "viewer"}
    with database.begin() as connection:
        account_changes.set_grant(connection, mia.id, *grants("operator:cam"))
        account_changes.remove_grant(connection, mia.id, "*")
    assert find(database, token).grants == {"cam": "operator"}


def test_nor_more_than_it_was_given(database, mia):
    token = issue(database, "viewer:cam", owner=mia).token
    with database.begin() as connection:
        account_changes.set_grant(connection, mia.id, *grants("admin"))
    actor = find(database, token)
    assert actor.grants == {"cam": "viewer"}
    assert actor.products == {"cam"}


def test_a_token_ends_with_its_owner(database, mia):
    token = issue(database, "viewer:cam", owner=mia).token
    with database.begin() as connection:
        account_changes.disable(connection, mia.id)
    assert refused(database, token)
    with database.begin() as connection:
        account_changes.enable(connection, mia.id)
    assert not refused(database, token)
    with database.begin() as connection:
        account_changes.remove(connection, mia.id)
        assert connection.execute(select(api_tokens)).all() == []
    assert refused(database, token)


def test_a_token_expires_and_may_be_withdrawn(database):
    token = issue(database, "viewer", lifetime=DAY)
    assert not refused(database, token.token, NOW + DAY - SECOND)
    assert refused(database, token.token, NOW + DAY)
    with database.begin() as connection:
        api_token.withdraw(connection, token.id)
        with pytest.raises(NotFoundError):
            api_token.withdraw(connection, token.id)
    assert refused(database, token.token)


@pytest.mark.parametrize("text", ["", "rat_", "x" * 100_000, "\ud800", "' OR 1=1 --", "%"])
def test_another_text_is_no_token(database, text):
    issue(database, "viewer")
    assert refused(database, text)


def test_its_use_is_written_at_most_once_a_minute(database):
    token = issue(database, "viewer").token
    for now, due in [(NOW, True), (NOW + 59 * SECOND, False), (NOW + MINUTE, True)]:
        with database.begin() as connection:
            assert api_token.use_is_due(connection, token, now) is due
            api_token.note_use(connection, token, now)
    with database.read() as connection:
        (known_token,) = api_token.listed(connection, NOW).items
    assert known_token.used_at == NOW + MINUTE


def test_they_are_listed_page_by_page_and_by_owner(database, mia):
    for name in ("c", "a", "b"):
        issue(database, "viewer", name=name)
    issue(database, "viewer:cam", owner=mia, name="d")
    issue(database, "viewer", name="gone", lifetime=SECOND)
    later = NOW + MINUTE
    with database.read() as connection:
        first = api_token.listed(connection, later, limit=3)
        rest = api_token.listed(connection, later, after=first.next_after)
        own = api_token.listed(connection, later, operator_id=mia.id)
    assert [t.name for t in (*first.items, *rest.items)] == ["a", "b", "c", "d"]
    assert (first.total, first.next_after, rest.next_after) == (4, "c", None)
    assert [(t.name, t.owner) for t in own.items] == [("d", "mia")]
    assert own.items[0].to_fields()["grants"] == {"cam": "viewer"}


def test_a_name_is_given_once_until_it_is_free_again(database):
    issue(database, "viewer", lifetime=SECOND)
    with pytest.raises(ConflictError, match="'ci' already"):
        issue(database, "viewer")
    issue(database, "viewer", now=NOW + SECOND)


@pytest.mark.parametrize(
    ("texts", "wrong", "sentence"),
    [
        ([], {}, "at least one role"),
        (["viewer:cam", "admin:cam"], {}, "one role a product"),
        (["viewer"], {"name": "A b"}, "name: expected 1 to 64"),
        (["viewer"], {"lifetime": timedelta(0)}, "more than none"),
        (["viewer"], {"lifetime": timedelta(days=367)}, "at most 366 days"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_issued(database, texts, wrong, sentence):
    with pytest.raises(InvalidError, match=sentence):
        issue(database, *texts, **wrong)
    with database.read() as connection:
        assert connection.execute(select(api_tokens)).all() == []
