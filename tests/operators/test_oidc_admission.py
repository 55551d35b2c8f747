import pytest
from sqlalchemy import select
from support.people import NOW, SESSIONS, enter, grants, known, member

from ota_server.database.operators_schema import audit_entries, operators
from ota_server.errors import SignInError, UnauthenticatedError
from ota_server.operators import account_changes, session
from ota_server.operators.account import Status
from ota_server.operators.oidc.admission import admit
from ota_server.operators.oidc.identity import Identity

ISSUER = "https://id.example"
ROLES = {grant.product: grant.role for grant in grants("operator:cam")}


def come(database, *, name="mia", roles=ROLES, subject="4711", mail="mia@example.com"):
    identity = Identity(ISSUER, subject, name, mail, roles)
    return admit(database, identity, rules=SESSIONS, now=NOW)


def is_open(database, token):
    try:
        with database.read() as connection:
            session.find(connection, token, NOW, rules=SESSIONS)
    except UnauthenticatedError:
        return False
    return True


def actions(database):
    with database.read() as connection:
        return connection.scalars(select(audit_entries.c.action).order_by(audit_entries.c.id)).all()


def test_somebody_new_becomes_an_operator_if_the_claims_grant_a_role(database):
    assert is_open(database, come(database))
    mia = known(database, "mia")
    assert (mia.status, mia.grants, mia.mail) == (Status.ACTIVE, {"cam": "operator"}, "mia@example.com")
    assert (mia.issuer, mia.subject, mia.has_password) == (ISSUER, "4711", False)
    assert actions(database) == ["operator.join", "operator.sign-in"]


@pytest.mark.parametrize("roles", [{}, None])
def test_and_not_otherwise(database, roles):
    with pytest.raises(SignInError, match="gives a role here"):
        come(database, roles=roles)
    with database.read() as connection:
        assert connection.execute(select(operators)).all() == []


def test_who_is_known_is_recognised_by_the_subject_alone(database):
    come(database)
    come(database, name="mia.meier", mail="new@example.com")
    with database.read() as connection:
        assert connection.scalars(select(operators.c.name)).all() == ["mia"]


def test_the_name_of_another_operator_opens_nothing(database):
    member(database, "mia", "admin")
    with pytest.raises(SignInError, match="`ota-server user link`"):
        come(database)
    mia = known(database, "mia")
    assert (mia.issuer, mia.grants) == (None, {"*": "admin"})


def test_who_was_linked_comes_with_the_roles_of_the_server_where_no_claim_grants_any(database):
    member(database, "mia", "admin:cam")
    with database.begin() as connection:
        account_changes.link(connection, known(database, "mia").id, ISSUER, "4711")
    assert is_open(database, come(database, name="other", roles=None))
    assert known(database, "mia").grants == {"cam": "admin"}
    enter(database, "mia")


def test_claims_say_what_an_operator_holds_from_now_on(database):
    come(database)
    come(database, roles={"gw": ROLES["cam"]})
    assert known(database, "mia").grants == {"gw": "operator"}
    assert "operator.grants-claimed" in actions(database)


def test_who_lost_all_roles_is_refused_and_signed_out_everywhere(database):
    token = come(database)
    with pytest.raises(SignInError, match="gives a role here"):
        come(database, roles={})
    assert known(database, "mia").grants == {}
    assert not is_open(database, token)
    assert is_open(database, come(database))


def test_a_disabled_operator_stays_out(database):
    come(database)
    with database.begin() as connection:
        account_changes.disable(connection, known(database, "mia").id)
    with pytest.raises(SignInError, match="not disabled"):
        come(database)


def test_a_name_that_cannot_be_one_is_refused(database):
    with pytest.raises(SignInError, match="cannot be taken: name"):
        come(database, name="")
