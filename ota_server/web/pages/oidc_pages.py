"""Signing in at an identity provider: there, and back."""

from typing import Final

from ota_client.errors import FetchError
from ota_server.errors import NotFoundError, SignInError
from ota_server.operators.oidc.admission import admit
from ota_server.operators.oidc.flow import CALLBACK_PATH, OidcFlow
from ota_server.web.pages.page import Answer, Drawn, Guest, Kept, Moved, OpenPage


def go(guest: Guest) -> Answer:
    """Send the browser there."""
    try:
        going = _flow(guest).begin(guest.house.clock())
    except FetchError as e:
        return _silent(e)
    return Moved(going.url, Kept(went=going.cookie))


def come_back(guest: Guest) -> Answer:
    """Begin a session for who came back.

    A page of ours goes on to the overview: with a redirect, the request would still count as one of the
    provider's site, and the browser would not show the new cookie.
    """
    house, now = guest.house, guest.house.clock()
    try:
        identity = _flow(guest).finish(guest.query.firsts(), guest.went or None, now)
        token = admit(house.database, identity, rules=house.rules.sessions, now=now)
    except FetchError as e:
        return _silent(e)
    except SignInError as e:
        return _refused(str(e))
    return Drawn("moment", {"to": "/"}, kept=Kept(session=token, went=""))


def _flow(guest: Guest) -> OidcFlow:
    if guest.house.oidc is None:
        raise NotFoundError("there is no identity provider: sign in with a password")
    return guest.house.oidc


def _silent(error: FetchError) -> Drawn:
    values = {"status": 503, "phrase": "No answer", "back": "/sign-in"}
    sentence = f"the identity provider does not answer: {error}"
    return Drawn("error", {**values, "sentence": sentence}, 503, Kept(went=""))


def _refused(sentence: str) -> Drawn:
    values = {"status": 403, "phrase": "Not signed in", "back": "/sign-in", "sentence": sentence}
    return Drawn("error", values, 403, Kept(went=""))


PAGES: Final = (
    OpenPage("GET", "/sign-in/oidc", go, "Go to the identity provider.", asks_provider=True),
    OpenPage(
        "GET", CALLBACK_PATH, come_back, "Come back from it, and begin a session.", asks_provider=True
    ),
)
