"""B11: who may publish is decided again by what an upload makes of the repository, not by file names."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from support.office import ALPHA, BETA, finish

from ota_server.database.operators_schema import audit_entries
from ota_server.errors import ForbiddenError, NotFoundError
from ota_server.operations import uploads
from ota_server.operators.actor import Role
from ota_server.uploads.named import State
from ota_server.uploads.verification import Verified

STATE = State({"timestamp": 2}, {}, {}, frozenset())
ALPHAS = Verified(None, STATE, {}, (ALPHA,), is_shared=False, root_sha256="0" * 64)
RENEWED = replace(ALPHAS, products=())


def publish(office, verified, role=Role.ADMIN, product=ALPHA):
    with office.trial(office.person(f"{ALPHA}-mia", role, product)) as desk:
        uploads.may_publish(desk, verified)


def test_b11_an_admin_publishes_for_the_own_product_and_renews_the_timestamp(office_once):
    publish(office_once, ALPHAS)
    publish(office_once, RENEWED)


@pytest.mark.parametrize(
    ("verified", "role", "product", "error"),
    [
        (replace(ALPHAS, is_shared=True), Role.ADMIN, ALPHA, ForbiddenError),
        (replace(RENEWED, is_shared=True), Role.ADMIN, ALPHA, ForbiddenError),
        (replace(ALPHAS, products=(ALPHA, BETA)), Role.ADMIN, ALPHA, NotFoundError),
        (ALPHAS, Role.ADMIN, BETA, NotFoundError),
        (ALPHAS, Role.APPROVER, ALPHA, ForbiddenError),
        (RENEWED, Role.APPROVER, "*", ForbiddenError),
    ],
    ids=["keys", "keys alone", "another product too", "another product", "role", "role for all"],
)
def test_b11_nobody_else_publishes(office_once, verified, role, product, error):
    with pytest.raises(error):
        publish(office_once, verified, role, product)


def test_b11_what_an_admin_of_all_publishes_is_written_down_for_each_product(office_once):
    with office_once.trial() as desk:
        uploads.may_publish(desk, replace(ALPHAS, products=(ALPHA, BETA), is_shared=True))
        finish(desk)
        newest = select(audit_entries).order_by(audit_entries.c.id.desc()).limit(2)
        found = [(row.action, row.product) for row in desk.connection.execute(newest)]
    assert found == [("release.publish", BETA), ("release.publish", ALPHA)]
