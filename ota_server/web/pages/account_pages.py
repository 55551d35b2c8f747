"""One's own account: password, sessions, API tokens."""

from datetime import timedelta
from typing import Final

from ota_server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, SignInError
from ota_server.operations import api_tokens, people
from ota_server.operators import session, sign_in
from ota_server.operators.password import SHORTEST
from ota_server.operators.role import ALL_PRODUCTS, Grant, Role
from ota_server.web.pages.guard import check_form
from ota_server.web.pages.page import Answer, Drawn, Guest, Kept, Moved, OpenPage, Page, Visit, done

_TOKENS_A_PAGE: Final = 100
_LIFETIMES: Final = (30, 90, 365)


def show(visit: Visit, error: str = "") -> Answer:
    """The whole page."""
    values = {
        "me": people.myself(visit.desk),
        "sessions": people.my_sessions(visit.desk, rules=visit.house.rules.sessions),
        "mine": session.handle_of(visit.token),
        "tokens": api_tokens.listed(visit.desk, mine=True, limit=_TOKENS_A_PAGE),
        "roles": tuple(Role),
        "lifetimes": _LIFETIMES,
        "shortest": SHORTEST,
        "error": error,
    }
    return Drawn("account", values, 422 if error else 200)


def end_session(visit: Visit) -> Answer:
    """End one of the own sessions."""
    people.end_my_session(visit.desk, visit.form.text("handle"))
    return done("/account", "sessions-ended")


def issue_token(visit: Visit) -> Answer:
    """Make an API token, shown this once."""
    form = visit.form
    try:
        given = Grant.of(form.text("role"), form.text("product", ALL_PRODUCTS))
        lifetime = timedelta(days=form.integer("days", 90))
        with visit.desk.connection.begin_nested():
            made = api_tokens.issue(visit.desk, form.text("name"), [given], lifetime=lifetime)
    except (InvalidError, ConflictError, ForbiddenError, NotFoundError, ValueError) as e:
        return show(visit, str(e))
    values = {
        "title": f"Token {made.name}",
        "crumbs": (("Account", "/account"),),
        "what": "The API token",
        "hint": f"Programs send it as Authorization: Bearer; it ends {made.expires_at:%Y-%m-%d}.",
        "secret": made.token,
        "back": "/account",
    }
    return Drawn("once", values)


def withdraw_token(visit: Visit) -> Answer:
    """End a token."""
    api_tokens.withdraw(visit.desk, visit.form.integer("token_id"))
    return done("/account", "token-withdrawn")


def password_form(guest: Guest) -> Answer:
    """The form alone."""
    return _password_form(guest)


def change_password(guest: Guest) -> Answer:
    """Set another password; all other sessions end."""
    house, form = guest.house, guest.form
    check_form(guest.token, form)
    if form.verbatim("password") != form.verbatim("again"):
        return _password_form(guest, "expected the same new password twice, got two")
    try:
        token = sign_in.change_password(
            house.database,
            house.passwords,
            guest.token,
            old=form.verbatim("old"),
            new=form.verbatim("password"),
            rules=house.rules,
            now=house.clock(),
        )
    except SignInError:
        return _password_form(
            guest, "expected your present password, got another; after several wrong ones wait"
        )
    except InvalidError as e:
        return _password_form(guest, str(e))
    return Moved("/account?done=password-set", kept=Kept(session=token))


def _password_form(guest: Guest, error: str = "") -> Drawn:
    with guest.house.database.read() as connection:
        found = session.find(
            connection, guest.token, guest.house.clock(), rules=guest.house.rules.sessions
        )
    values = {
        "name": found.operator.name,
        "csrf_token": found.csrf_token,
        "shortest": SHORTEST,
        "error": error,
    }
    return Drawn("password", values, 422 if error else 200)


PAGES: Final = (
    Page("GET", "/account", show, "One's own roles, sessions and API tokens."),
    Page("POST", "/account/sessions", end_session, "End one of the own sessions."),
    Page("POST", "/account/tokens", issue_token, "Make an API token; it is shown once."),
    Page("POST", "/account/tokens/withdraw", withdraw_token, "End an API token."),
)
# argon2 must not work within a transaction, so these take their own
OPEN_PAGES: Final = (
    OpenPage("GET", "/account/password", password_form, "The form for another password."),
    OpenPage("POST", "/account/password", change_password, "Set it; all other sessions end."),
)
