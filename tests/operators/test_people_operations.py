from datetime import timedelta

import pytest
from sqlalchemy import select
from support.people import NOW, SESSIONS, desk, enter, grants, known

from ota_server.database.operators_schema import audit_entries
from ota_server.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from ota_server.operations import api_tokens, people
from ota_server.operators import api_token, session
from ota_server.operators.actor import Actor, ActorKind
from ota_server.operators.role import Grant

CAM = Grant.parse("operator:cam")


def act(database, who, operation, *args, **named):
    """Do something as an operator, or as the machine."""
    actor = who if isinstance(who, Actor | None) else known(database, who).actor
    with database.begin() as connection:
        return operation(desk(connection, actor), *args, **named)


def notes(database):
    with database.read() as connection:
        rows = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).all()
    return [(row.actor_kind, row.actor, row.action, row.target) for row in rows]


CHANGES = [
    (people.invite, ("new", [CAM])),
    (people.invite_again, ("vera",)),
    (people.listed, ()),
    (people.find, ("vera",)),
    (people.grant, ("vera", CAM)),
    (people.revoke_grant, ("vera", "gw")),
    (people.disable, ("vera",)),
    (people.enable, ("vera",)),
    (people.link, ("vera", "https://id.example", "1")),
    (people.sign_out, ("vera",)),
    (people.remove, ("vera",)),
]


@pytest.mark.walk(8)
@pytest.mark.parametrize(
    ("operation", "args"), CHANGES, ids=lambda value: getattr(value, "__name__", "")
)
@pytest.mark.parametrize("who", ["cam", "vera"])
def test_only_an_admin_of_all_products_looks_after_people(house, who, operation, args):
    before = notes(house)
    with pytest.raises(ForbiddenError, match="the role admin for all products"):
        act(house, who, operation, *args)
    assert notes(house) == before


@pytest.mark.parametrize(
    ("operation", "args"), CHANGES, ids=lambda value: getattr(value, "__name__", "")
)
def test_each_change_is_written_down_and_who_made_it(house, operation, args):
    before = len(notes(house))
    act(house, "root", operation, *args)
    new = notes(house)[before:]
    if operation in {people.listed, people.find}:
        assert new == []
    else:
        word = operation.__name__.replace("_", "-")
        target = args[0]
        assert new == [("operator", "root", f"operator.{word}", target)]


RIGHTS = [
    (people.invite_again, ()),
    (people.grant, (Grant.parse("admin:gw"),)),
    (people.revoke_grant, ("*",)),
    (people.disable, ()),
    (people.enable, ()),
    (people.link, ("https://id.example", "1")),
    (people.remove, ()),
]


@pytest.mark.parametrize(("operation", "args"), RIGHTS, ids=lambda value: getattr(value, "__name__", ""))
def test_nobody_changes_the_own_account_s_rights_nor_does_one_s_token(house, operation, args):
    root = known(house, "root")
    token = Actor(ActorKind.TOKEN, "ci", root.grants, root.id)
    for actor in (root.actor, token):
        with pytest.raises(ForbiddenError, match="got your own; ask another admin"):
            act(house, actor, operation, "root", *args)
    assert known(house, "root") == root


def test_an_operator_that_is_not_there_is_not_found(house):
    for operation, args in RIGHTS:
        with pytest.raises(NotFoundError, match="name of an operator"):
            act(house, "root", operation, "nobody", *args)


def test_a_disabled_operator_gets_no_link(house):
    act(house, "root", people.disable, "vera")
    with pytest.raises(ForbiddenError, match="enable it first"):
        act(house, "root", people.invite_again, "vera")


def test_everybody_looks_after_the_own_sessions(house):
    here, there = enter(house, "vera"), enter(house, "vera", now=NOW + timedelta(seconds=1))
    found = act(house, "vera", people.my_sessions, rules=SESSIONS)
    assert len(found) == 2
    act(house, "vera", people.end_my_session, session.handle_of(there))
    act(house, "vera", people.sign_me_out, here)
    assert act(house, "vera", people.my_sessions, rules=SESSIONS) == ()
    with pytest.raises(NotFoundError):
        act(house, "root", people.end_my_session, found[-1].handle)


@pytest.mark.parametrize(
    ("operation", "args", "named"),
    [
        (people.myself, (), {}),
        (people.my_sessions, (), {"rules": SESSIONS}),
        (people.end_my_session, ("x",), {}),
        (people.sign_me_out, ("x",), {}),
    ],
)
def test_neither_a_token_nor_a_command_has_sessions(house, operation, args, named):
    token = Actor(ActorKind.TOKEN, "ci", {}, known(house, "vera").id)
    for actor in (token, None):
        with pytest.raises(ForbiddenError, match="who is signed in"):
            act(house, actor, operation, *args, **named)


def test_an_operator_s_token_acts_for_the_operator(house):
    issued = act(house, "cam", api_tokens.issue, "ci", [CAM])
    with house.read() as connection:
        actor = api_token.find(connection, issued.token, NOW)
    assert (actor.grants, actor.operator_id) == ({"cam": "operator"}, known(house, "cam").id)
    assert notes(house)[-1] == ("operator", "cam", "api-token.issue", "ci")


@pytest.mark.parametrize(
    ("who", "grant", "error"),
    [
        ("vera", "operator:gw", ForbiddenError),
        ("vera", "viewer:cam", NotFoundError),
        ("vera", "viewer", ForbiddenError),
        ("cam", "admin", ForbiddenError),
    ],
)
def test_nobody_issues_more_than_he_has(house, who, grant, error):
    with pytest.raises(error):
        act(house, who, api_tokens.issue, "ci", grants(grant))


def test_tokens_issue_no_tokens(house):
    token = Actor(ActorKind.TOKEN, "ci", known(house, "root").grants, known(house, "root").id)
    with pytest.raises(ForbiddenError, match="got an API token"):
        act(house, token, api_tokens.issue, "more", [CAM])


def test_everybody_sees_and_withdraws_the_own_tokens_and_an_admin_all(house):
    of_vera = act(house, "vera", api_tokens.issue, "one", grants("viewer:gw"))
    of_machine = act(house, None, api_tokens.issue, "two", grants("viewer:gw"))

    def names(who, **named):
        return [token.name for token in act(house, who, api_tokens.listed, **named).items]

    assert names("vera") == ["one"]
    assert names("cam") == names("root", mine=True) == []
    assert names("root") == names(None) == ["one", "two"]
    for other in (of_machine.id, 99):
        with pytest.raises(NotFoundError):
            act(house, "vera", api_tokens.withdraw, other)
    with pytest.raises(NotFoundError):
        act(house, "cam", api_tokens.withdraw, of_vera.id)
    act(house, "vera", api_tokens.withdraw, of_vera.id)
    act(house, "root", api_tokens.withdraw, of_machine.id)
    assert names(None) == []


def test_a_token_of_the_machine_neither_lists_nor_withdraws_others(house):
    issued = act(house, None, api_tokens.issue, "two", grants("viewer:gw"))
    token = Actor(ActorKind.TOKEN, "two", {"gw": grants("viewer")[0].role})
    with pytest.raises(ForbiddenError):
        act(house, token, api_tokens.listed)
    with pytest.raises(NotFoundError):
        act(house, token, api_tokens.withdraw, issued.id)


def test_what_an_admin_ends_is_over_with_the_next_request(house):
    token = enter(house, "vera")
    assert act(house, "root", people.sign_out, "vera") == 1
    with house.read() as connection, pytest.raises(UnauthenticatedError):
        session.find(connection, token, NOW, rules=SESSIONS)
