"""An error is told within the page that one knows, if one is signed in; and it is always told."""

import pytest

from ota_server.catalog import Catalog
from ota_server.operators import session
from ota_server.web.rates import AddressRate

NAVIGATION = '<nav aria-label="main">'


@pytest.mark.walk(1)
@pytest.mark.parametrize("path", ["/nowhere", "/devices/nobody", "/devices?silent=x", "/rollouts/999"])
def test_who_is_signed_in_keeps_the_navigation(signed_in, path):
    shown = signed_in("mia").get(path)

    assert shown.status in {404, 422}
    assert NAVIGATION in shown.text
    assert "Signed in as" in shown.words
    # another's products are not in the choice
    assert "camera" not in signed_in("kai").get(path).text


def test_what_is_forbidden_is_told_within_the_page_too(visit):
    ben = visit("ben")
    ben.get("/")

    shown = ben.post("/devices/cam-0003/decommission", {"typed": "cam-0003"})

    assert shown.status == 403
    assert NAVIGATION in shown.text
    # what is changed by a form is no page to come back to
    assert 'name="back" value="/"' in shown.text


def test_a_stranger_sees_the_error_alone(stranger):
    shown = stranger.get("/nowhere")

    assert shown.status == 404
    assert NAVIGATION not in shown.text


def test_who_asks_too_often_gets_no_further_look_into_the_database(visit, own_house, monkeypatch):
    mia = visit("mia")
    object.__setattr__(own_house, "requests", AddressRate(1))
    mia.get("/account")
    monkeypatch.setattr(own_house.database, "read", None)

    shown = mia.get("/account")

    assert shown.status == 429
    assert NAVIGATION not in shown.text


@pytest.mark.parametrize(
    ("owner", "name"), [(session, "find"), (Catalog, "held")], ids=["session", "catalog"]
)
def test_an_error_is_told_whatever_else_is_broken(visit, monkeypatch, owner, name):
    mia = visit("mia")

    def broken(*_, **__):
        raise ValueError("broken too")

    monkeypatch.setattr(owner, name, broken)

    shown = mia.get("/nowhere")

    assert shown.status == 404
    assert "There is no such page" in shown.words
