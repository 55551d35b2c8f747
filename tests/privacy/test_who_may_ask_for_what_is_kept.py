"""B10: what is kept about an owner or an operator is for admins alone, and for the operator himself."""

import pytest
from support.office import ALPHA, BETA, Office

from ota_server.errors import ConflictError, ForbiddenError, NotFoundError
from ota_server.operations import privacy
from ota_server.operators.actor import Actor, ActorKind, Role

DEVICE, MIA = f"{ALPHA}-1", f"{ALPHA}-mia"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    one = Office(tmp_path_factory.mktemp("office"))
    yield one
    one.close()


def asked(office, act, *about, role=Role.ADMIN, product="*", name=MIA):
    with office.trial(office.person(name, role, product)) as desk:
        return act(desk, *about)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_b10_a_device_s_owner_is_told_to_admins_of_its_product_alone(office, role):
    for product in (ALPHA, "*"):
        with pytest.raises(ForbiddenError):
            asked(office, privacy.export_device, DEVICE, role=role, product=product)
    with pytest.raises(NotFoundError):
        asked(office, privacy.export_device, DEVICE, product=BETA)
    assert asked(office, privacy.export_device, DEVICE, product=ALPHA)["devices"]


def test_b10_operators_ask_for_their_own_and_admins_of_all_for_any(office):
    viewer = {"role": Role.VIEWER, "product": ALPHA}
    assert asked(office, privacy.export_operator, MIA, **viewer)["operators"]
    assert asked(office, privacy.export_operator, f"{BETA}-mia")["operators"]
    for grant in (viewer, {"product": ALPHA}, {"role": Role.APPROVER}):
        with pytest.raises(ForbiddenError):
            asked(office, privacy.export_operator, f"{BETA}-mia", **grant)


def test_b10_a_token_that_is_called_like_an_operator_is_not_that_operator(office):
    token = Actor(ActorKind.TOKEN, MIA, {ALPHA: Role.ADMIN})
    with office.trial(token) as desk, pytest.raises(ForbiddenError):
        privacy.export_operator(desk, MIA)


def test_b10_only_an_admin_of_all_erases_or_retains_and_never_the_own_account(office):
    with pytest.raises(ConflictError):
        asked(office, privacy.erase_operator, MIA)
    for grant in ({"product": ALPHA}, {"role": Role.APPROVER}):
        with pytest.raises(ForbiddenError):
            asked(office, privacy.erase_operator, f"{BETA}-mia", **grant)
        with pytest.raises(ForbiddenError):
            asked(office, privacy.note_retention, {"events": 1}, **grant)
