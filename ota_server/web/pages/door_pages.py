"""The door: signing in and out, the first password, and the colours of the pages."""

from typing import Final

from ota_server.errors import InvalidError, SignInError, UnauthenticatedError
from ota_server.operations import people
from ota_server.operations.desk import Desk
from ota_server.operators import invitation, session, sign_in
from ota_server.operators.password import SHORTEST
from ota_server.web.pages.drawing import THEMES
from ota_server.web.pages.guard import check_form
from ota_server.web.pages.page import Answer, Drawn, Guest, Kept, Moved, OpenPage


def sign_in_form(guest: Guest) -> Answer:
    """The form; who is signed in already goes on."""
    try:
        with guest.house.database.read() as connection:
            session.find(connection, guest.token, guest.house.clock(), rules=guest.house.rules.sessions)
    except UnauthenticatedError:
        return _sign_in_form(guest)
    return Moved(_own_path(guest.query.text("next")))


def do_sign_in(guest: Guest) -> Answer:
    """Begin a session, or say nothing about why not."""
    house, form = guest.house, guest.form
    try:
        token = sign_in.sign_in(
            house.database,
            house.passwords,
            form.text("name"),
            form.verbatim("password"),
            rules=house.rules,
            now=house.clock(),
        )
    except SignInError as e:
        return _sign_in_form(guest, str(e))
    _end(guest)
    return Moved(_own_path(form.text("next")), kept=Kept(session=token))


def do_sign_out(guest: Guest) -> Answer:
    """End the session."""
    check_form(guest.token, guest.form)
    _end(guest)
    return Moved("/sign-in?done=signed-out", kept=Kept(session=""))


def welcome_form(guest: Guest) -> Answer:
    """A one-time link: the form alone, nothing is used up (mail scanners open links)."""
    house, code = guest.house, guest.query.text("code")
    with house.database.read() as connection:
        operator = invitation.find(connection, code, house.clock())
    return _welcome_form(code, operator.name)


def do_welcome(guest: Guest) -> Answer:
    """Set the password, and begin a session."""
    house, code = guest.house, guest.form.text("code")
    password = guest.form.verbatim("password")
    with house.database.read() as connection:
        name = invitation.find(connection, code, house.clock()).name
    if password != guest.form.verbatim("again"):
        return _welcome_form(code, name, "expected the same password twice, got two different ones")
    try:
        token = invitation.accept(
            house.database,
            house.passwords,
            code,
            password,
            rules=house.rules.sessions,
            now=house.clock(),
        )
    except InvalidError as e:
        return _welcome_form(code, name, str(e))
    return Moved("/?done=password-set", kept=Kept(session=token))


def set_theme(guest: Guest) -> Answer:
    """Remember light, dark or what the machine prefers."""
    theme = guest.form.text("theme")
    if theme not in THEMES:
        raise InvalidError(f"theme: expected one of {', '.join(THEMES)}, got {theme[:40]!r}")
    return Moved(_own_path(guest.form.text("back")), kept=Kept(theme=theme))


def _sign_in_form(guest: Guest, error: str = "") -> Drawn:
    oidc = guest.house.settings.oidc
    values = {
        "next": guest.query.text("next") or guest.form.text("next"),
        "name": guest.form.text("name"),
        "single_sign_on": oidc.label if oidc else "",
        "error": error,
    }
    return Drawn("sign_in", values, 403 if error else 200)


def _welcome_form(code: str, name: str, error: str = "") -> Drawn:
    values = {"code": code, "name": name, "shortest": SHORTEST, "error": error}
    return Drawn("welcome", values, 422 if error else 200)


def _end(guest: Guest) -> None:
    """End the session that the browser shows, if it is one."""
    house, now = guest.house, guest.house.clock()
    if not guest.token:
        return
    with house.database.begin() as connection:
        try:
            me = session.find(connection, guest.token, now, rules=house.rules.sessions)
        except UnauthenticatedError:
            session.end(connection, guest.token)
            return
        people.sign_me_out(Desk(connection, me.actor, now, house.catalog), guest.token)


def _own_path(path: str) -> str:
    """A path of this site, or the overview: nobody is led elsewhere (CWE-601)."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours and "\\" not in path else "/"


PAGES: Final = (
    OpenPage("GET", "/sign-in", sign_in_form, "Name and password, or single sign-on."),
    OpenPage("POST", "/sign-in", do_sign_in, "Begin a session."),
    OpenPage("POST", "/sign-out", do_sign_out, "End the session."),
    OpenPage("GET", "/welcome", welcome_form, "A one-time link: choose a password; nothing is used up."),
    OpenPage("POST", "/welcome", do_welcome, "Set the password, and begin a session."),
    OpenPage("POST", "/theme", set_theme, "Light, dark, or as the machine prefers."),
)
