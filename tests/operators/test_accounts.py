import pytest
from sqlalchemy import select
from support.people import NOW, grants, known

from ota_server.database.operators_schema import operator_grants
from ota_server.errors import ConflictError, InvalidError, NotFoundError
from ota_server.journal import audit
from ota_server.operators import account, account_changes
from ota_server.operators.account import Status

ISSUER = "https://id.example"


def make(database, name, *texts, **named):
    with database.begin() as connection:
        return account.create(connection, name, grants(*texts), now=NOW, **named)


def change(database, what, *args):
    with database.begin() as connection:
        return what(connection, *args)


def test_a_new_account_has_what_it_was_given(database):
    mia = make(database, "mia@example.com", "operator:cam", "viewer", mail="mia@example.com")
    assert known(database, "mia@example.com") == mia
    assert mia.to_fields() == {
        "name": "mia@example.com",
        "mail": "mia@example.com",
        "status": "invited",
        "grants": {"*": "viewer", "cam": "operator"},
        "issuer": None,
        "subject": None,
        "has_password": False,
        "locked_until": None,
        "created_at": "2026-11-22T08:00:00Z",
        "signed_in_at": None,
    }


@pytest.mark.parametrize(
    "name", ["", "Mia", "a" * 65, ".mia", "-x", "m ia", "mia\n", "müa", "../x", "\ud800"]
)
def test_names_are_plain(database, name):
    with pytest.raises(InvalidError, match="name: expected 1 to 64"):
        make(database, name, "viewer")
    with database.read() as connection, pytest.raises(NotFoundError):
        account.find(connection, name)


@pytest.mark.parametrize(
    "mail", ["mia", "a@b@c", "mia@", "m ia@x.de", "a@x.de\nBcc: b@x.de", "<a@x.de>"]
)
def test_mail_addresses_are_plain(database, mail):
    with pytest.raises(InvalidError, match="mail: expected an address"):
        make(database, "mia", "viewer", mail=mail)


def test_a_name_is_given_once_and_the_transaction_goes_on(database):
    make(database, "mia", "viewer")
    with database.begin() as connection:
        with pytest.raises(ConflictError, match="'mia' already"):
            account.create(connection, "mia", grants("admin"), now=NOW)
        account.create(connection, "ole", grants("viewer"), now=NOW)
    assert known(database, "mia").grants == {"*": "viewer"}
    assert known(database, "ole").grants == {"*": "viewer"}


def test_they_are_listed_page_by_page(database):
    for name in ("c", "a", "b"):
        make(database, name, "viewer")
    with database.read() as connection:
        first = account.listed(connection, limit=2)
        rest = account.listed(connection, after=first.next_after)
        with pytest.raises(InvalidError, match="limit"):
            account.listed(connection, limit=0)
    assert [o.name for o in (*first.items, *rest.items)] == ["a", "b", "c"]
    assert (first.total, first.next_after, rest.next_after) == (3, "b", None)


def test_a_role_takes_the_place_of_the_one_for_this_product(database):
    mia = make(database, "mia", "operator:cam", "viewer")
    change(database, account_changes.set_grant, mia.id, *grants("admin:cam"))
    change(database, account_changes.set_grant, mia.id, *grants("approver:gw"))
    assert known(database, "mia").grants == {"cam": "admin", "*": "viewer", "gw": "approver"}
    change(database, account_changes.remove_grant, mia.id, "*")
    assert known(database, "mia").grants == {"cam": "admin", "gw": "approver"}
    with pytest.raises(NotFoundError, match="a product, or"):
        change(database, account_changes.remove_grant, mia.id, "*")


def test_who_never_came_is_invited_again_after_being_disabled(database):
    mia = make(database, "mia", "viewer")
    change(database, account_changes.disable, mia.id)
    assert known(database, "mia").status is Status.DISABLED
    change(database, account_changes.enable, mia.id)
    assert known(database, "mia").status is Status.INVITED


def test_an_identity_belongs_to_one_operator(database):
    mia, ole = make(database, "mia", "viewer"), make(database, "ole", "viewer")
    change(database, account_changes.link, mia.id, ISSUER, "4711")
    with database.begin() as connection:
        assert account.with_identity(connection, ISSUER, "4711").name == "mia"
        assert account.with_identity(connection, ISSUER, "4712") is None
        assert account.with_identity(connection, ISSUER + "/", "4711") is None
        with pytest.raises(ConflictError, match="another operator has this identity"):
            account_changes.link(connection, ole.id, ISSUER, "4711")
        with pytest.raises(InvalidError, match="subject"):
            account_changes.link(connection, ole.id, ISSUER, "")


def test_what_one_did_is_never_taken_for_another_s_of_the_same_name(database):
    entry = audit.Entry("operator", "mia", "rollout.pause", "cam/spring", "cam")
    with database.begin() as connection:
        audit.append(connection, entry, now=NOW)
    ole = make(database, "ole", "viewer")
    change(database, account_changes.remove, ole.id)
    make(database, "ole", "viewer")
    with pytest.raises(ConflictError, match="there was an operator 'mia', and the audit log has"):
        make(database, "mia", "viewer")


def test_who_is_removed_leaves_nothing(database):
    mia = make(database, "mia", "viewer")
    change(database, account_changes.remove, mia.id)
    with database.read() as connection:
        assert connection.execute(select(operator_grants)).all() == []
        with pytest.raises(NotFoundError):
            account.with_id(connection, mia.id)
