"""Enrolment tokens and the rules of products, by pages."""

import re

import pytest

from ota_server.catalog import Catalog
from ota_server.devices import tokens
from ota_server.files.folder import PublishedFolder

FIELDS = {"product": "camera", "device_ids": "cam-9*", "uses": "3", "days": "2", "tags": "new, lab"}


def test_a_token_is_shown_once_and_enrols(visit, own_house):
    ben = visit("ben")
    ben.get("/enrolment")

    shown = ben.post("/enrolment", FIELDS)

    secret = re.search(r'id="secret"[^>]*>([^<]+)<', shown.text)[1]
    assert "ota-client enroll --token-file" in shown.words
    with own_house.database.read() as connection:
        token = tokens.find(connection, secret, own_house.clock())
    assert (token.product, token.uses_left, token.tags) == ("camera", 3, ("lab", "new"))
    listed = ben.get("/enrolment")
    assert "cam-9*" in listed.words
    assert secret not in listed.text


def test_a_token_that_cannot_be_is_refused_and_what_was_typed_stays(visit):
    ben = visit("ben")
    ben.get("/enrolment")
    for wrong in ({"days": "9999999"}, {"device_ids": "Cam"}, {"uses": "many"}, {"rekey": "yes"}):
        shown = ben.post("/enrolment", FIELDS | wrong)

        assert shown.status == 422, wrong
        assert 'value="new, lab"' in shown.text, wrong


def test_a_withdrawn_token_is_void(visit):
    ben = visit("ben")
    assert "cam-0011" in ben.get("/enrolment").words
    number = re.search(r'name="token_id" value="(\d+)"', ben.get("/enrolment").text)[1]

    shown = ben.post("/enrolment/withdraw", {"token_id": number})

    assert "The token is void" in shown.words
    assert "cam-0011" not in shown.words


def test_tokens_are_of_the_product_that_is_looked_at(signed_in):
    shown = signed_in("mia").get("/enrolment?product=meter").words

    assert "met-*" in shown
    assert "cam-0011" not in shown


def test_who_is_no_operator_makes_no_token(signed_in):
    kai = signed_in("kai")

    assert "Make a token" not in kai.get("/enrolment").words
    assert kai.post("/enrolment", FIELDS | {"product": "gateway"}).status == 403
    assert kai.post("/enrolment", FIELDS).status == 404


@pytest.fixture
def nothing_yet(own_house, tmp_path):
    """A server on its first day: nothing published, no device, no group."""
    (tmp_path / "published").mkdir()
    object.__setattr__(own_house, "catalog", Catalog(PublishedFolder(tmp_path / "published")))
    with own_house.database.begin() as connection:
        for table in ("rollout_waves", "rollout_devices", "approvals", "rollouts", "groups", "devices"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        for table in ("version_counts", "product_rules", "enrolment_tokens"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - names of ours


@pytest.mark.usefixtures("nothing_yet")
def test_the_first_device_of_the_first_product_can_be_let_in_by_pages(visit):
    mia, ben = visit("mia"), visit("ben")
    assert "/enrolment" in mia.get("/").links()
    assert "/enrolment" in mia.get("/devices").links()
    assert "No product" in mia.get("/products").words

    assert "shown this once" in mia.post("/enrolment", FIELDS | {"product": "kettle"}).words
    # an operator of one product has it to choose, though there is nothing of it
    assert '<select id="for-product"' in ben.get("/enrolment").text
    assert "<option selected>camera" in ben.get("/groups/new?product=camera").text
    made = ben.post("/groups", {"product": "camera", "name": "all", "query": "all"})
    assert "Nobody is in it now" in made.words


def test_an_admin_asks_for_a_second_person_and_takes_it_back(visit):
    mia = visit("mia")
    assert "start at once" in mia.get("/products/camera").words

    asked = mia.post("/products/camera/rules", {"needs_approval": "yes"})

    assert "The rule is set" in asked.words
    assert "a second person approves" in asked.words
    assert "Propose the rollout" in visit("ben").get(PREVIEW).words
    assert "start at once" in mia.post("/products/camera/rules", {"needs_approval": "no"}).words
    assert mia.post("/products/camera/rules", {"needs_approval": "perhaps"}).status == 422
    assert mia.post("/products/kettle/rules", {"needs_approval": "yes"}).status == 404


PREVIEW = (
    "/rollouts/new?product=camera&version=2.3.0&group=all&name=next&waves=10,rest&max_in_flight=5"
    "&halt_share=10%25&halt_least=5&of_members=80%25&of_answered=90%25"
)


def test_rules_are_shown_to_who_cannot_change_them(visit):
    ben = visit("ben")

    shown = ben.get("/products/camera")

    assert "An admin of camera can change it" in shown.words
    assert "/products/camera/rules" not in shown.text
    assert ben.post("/products/camera/rules", {"needs_approval": "yes"}).status == 403
