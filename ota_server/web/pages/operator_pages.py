"""Operators: who may come, what each may, and links for first passwords; for admins of all products."""

from typing import Final

from ota_server.errors import ConflictError, InvalidError
from ota_server.operations import people
from ota_server.operations.people import Invited
from ota_server.operators.role import ALL_PRODUCTS, Grant, Role
from ota_server.web.pages.page import Answer, Drawn, Moved, Page, Visit, done
from ota_server.web.pages.words import moment

_A_PAGE: Final = 50


def listed(visit: Visit) -> Answer:
    """All of them."""
    return _drawn(visit)


def invite(visit: Visit) -> Answer:
    """Make an account; its link is shown this once."""
    form = visit.form
    try:
        with visit.desk.connection.begin_nested():
            made = people.invite(visit.desk, form.text("name"), [_grant(visit)], mail=form.text("mail"))
    except (InvalidError, ConflictError) as e:
        return _drawn(visit, str(e))
    return _once(visit, made)


def show(visit: Visit) -> Answer:
    """One operator, and what may be done."""
    values = {"operator": people.find(visit.desk, visit.path["name"]), "roles": tuple(Role)}
    return Drawn("operator", values)


def invite_again(visit: Visit) -> Answer:
    """A new link, for who has none any more."""
    return _once(visit, people.invite_again(visit.desk, visit.path["name"]))


def grant(visit: Visit) -> Answer:
    """Give a role."""
    people.grant(visit.desk, visit.path["name"], _grant(visit))
    return _done(visit, "operator-changed")


def revoke_grant(visit: Visit) -> Answer:
    """Take a role away."""
    people.revoke_grant(visit.desk, visit.path["name"], visit.form.text("product"))
    return _done(visit, "operator-changed")


def disable(visit: Visit) -> Answer:
    """Refuse an operator, and the operator's tokens."""
    people.disable(visit.desk, visit.path["name"])
    return _done(visit, "operator-disabled")


def enable(visit: Visit) -> Answer:
    """Let an operator in again."""
    people.enable(visit.desk, visit.path["name"])
    return _done(visit, "operator-enabled")


def sign_out(visit: Visit) -> Answer:
    """End all sessions of an operator."""
    people.sign_out(visit.desk, visit.path["name"])
    return _done(visit, "sessions-ended")


def _drawn(visit: Visit, error: str = "") -> Drawn:
    page = people.listed(visit.desk, after=visit.query.text("after") or None, limit=_A_PAGE)
    given = {name: visit.form.text(name) for name in ("name", "mail", "role", "product")}
    values = {"page": page, "roles": tuple(Role), "given": given, "error": error, "query": visit.query}
    return Drawn("operators", values, 422 if error else 200)


def _grant(visit: Visit) -> Grant:
    try:
        return Grant.of(visit.form.text("role"), visit.form.text("product", ALL_PRODUCTS))
    except ValueError as e:
        raise InvalidError(f"role: {e}") from e


def _once(visit: Visit, made: Invited) -> Drawn:
    name = made.operator.name
    values = {
        "title": f"Operator {name}",
        "crumbs": (("Operators", "/operators"), (name, f"/operators/{name}")),
        "what": f"The link for {name}",
        "hint": f"Whoever opens it chooses the password, once, before {moment(made.link.expires_at)}.",
        "secret": made.link.url(visit.house.url),
        "back": f"/operators/{name}",
    }
    return Drawn("once", values)


def _done(visit: Visit, what: str) -> Moved:
    return done(f"/operators/{visit.path['name']}", what)


_ONE: Final = "/operators/{name}"
PAGES: Final = (
    Page("GET", "/operators", listed, "Who may come, and what each may."),
    Page("POST", "/operators", invite, "Make an account; its one-time link is shown once."),
    Page("GET", _ONE, show, "One operator: roles, and what may be done."),
    Page("POST", f"{_ONE}/link", invite_again, "A new one-time link, shown once."),
    Page("POST", f"{_ONE}/grant", grant, "Give a role for a product, or for all."),
    Page("POST", f"{_ONE}/revoke-grant", revoke_grant, "Take a role away."),
    Page("POST", f"{_ONE}/disable", disable, "Refuse the operator and the operator's tokens."),
    Page("POST", f"{_ONE}/enable", enable, "Let the operator in again; ends a lock too."),
    Page("POST", f"{_ONE}/sign-out", sign_out, "End all sessions of the operator."),
)
