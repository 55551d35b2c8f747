"""Enrolment tokens: which there are, a new one, and the end of one (B04)."""

from datetime import timedelta
from typing import Final

from ota_server.devices.tokens import LIFETIME_MOST, USES_MOST, IssuedToken
from ota_server.errors import InvalidError
from ota_server.operations import enrolment_tokens
from ota_server.web.pages.page import Answer, Drawn, Page, Visit, done
from ota_server.web.pages.products import operated
from ota_server.web.pages.slices import slice_of
from ota_server.web.pages.words import moment

_DEFAULTS: Final = {
    "product": "",
    "device_ids": "*",
    "uses": "1",
    "days": "7",
    "tags": "",
    "rekey": "",
}


def listed(visit: Visit, error: str = "") -> Answer:
    """Those that have not expired, the newest first, and the form of a new one."""
    found = [
        one
        for one in reversed(enrolment_tokens.listed(visit.desk))
        if visit.product in {None, one.product}
    ]
    known = visit.form if error else visit.query
    values = {
        "page": slice_of(found, visit.query),
        "products": operated(visit.desk),
        "given": {name: known.text(name, default) for name, default in _DEFAULTS.items()},
        "uses_most": USES_MOST,
        "days_most": LIFETIME_MOST.days,
        "error": error,
        "query": visit.query,
    }
    return Drawn("enrolment", values, 422 if error else 200)


def issue(visit: Visit) -> Answer:
    """Make one, shown this once."""
    fields = visit.form
    try:
        with visit.desk.connection.begin_nested():
            made = enrolment_tokens.issue(
                visit.desk,
                fields.text("product"),
                device_ids=fields.text("device_ids", "*"),
                uses=fields.integer("uses", 1),
                lifetime=timedelta(days=min(fields.integer("days", 7), 10**6)),
                tags=fields.text("tags").replace(",", " ").split(),
                rekey=fields.flag("rekey"),
            )
    except InvalidError as e:
        return listed(visit, str(e))
    return _once(made)


def withdraw(visit: Visit) -> Answer:
    """End one."""
    enrolment_tokens.withdraw(visit.desk, visit.form.integer("token_id"))
    return done("/enrolment", "enrolment-token-withdrawn")


def _once(made: IssuedToken) -> Drawn:
    values = {
        "title": f"Enrolment token {made.id}",
        "crumbs": (("Enrolment", "/enrolment"),),
        "what": "The token",
        "hint": f"Put it into a file on the device; it enrols until {moment(made.expires_at)}.",
        "secret": made.token,
        "then": "ota-client enroll --token-file TOKEN",
        "back": "/enrolment",
    }
    return Drawn("once", values)


PAGES: Final = (
    Page("GET", "/enrolment", listed, "Enrolment tokens that have not expired, and a new one."),
    Page("POST", "/enrolment", issue, "Make a token; it is shown once."),
    Page("POST", "/enrolment/withdraw", withdraw, "End a token; devices that it enrolled stay."),
)
