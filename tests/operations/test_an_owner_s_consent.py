"""An owner who told a person, and not the device."""

import pytest
from sqlalchemy import select
from support.fleet import NOW, places
from support.office import ALPHA, BETA, Office, plan

from ota_server.database.operators_schema import audit_entries
from ota_server.errors import ConflictError, ForbiddenError, NotFoundError
from ota_server.operations import devices, rollouts
from ota_server.operators.actor import Role
from ota_server.rollouts.claim import claim

DEVICE = "alpha-1"


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    with office.desk() as desk:
        rollouts.abort(desk, 1)
        office.asking = rollouts.create(desk, plan(ALPHA, "asking", forced=False)).id
    yield office
    office.close()


def claimed(office):
    with office.database.begin() as connection:
        place = places(connection, office.asking, DEVICE)[DEVICE].id
        return claim(connection, place, now=NOW)


def test_what_a_person_agrees_to_is_given_without_a_question(office):
    assert claimed(office).consent_wanted
    with office.desk(office.person("alpha-mia")) as desk:
        assert devices.show(desk, DEVICE).consent_wanted == (office.asking,)
        rollouts.consent(desk, office.asking, DEVICE)
        assert devices.show(desk, DEVICE).consent_wanted == ()
        assert devices.show(desk, "alpha-2").consent_wanted == (office.asking,)
    assert not claimed(office).consent_wanted


def test_the_audit_log_has_who_said_so_and_of_which_device(office):
    with office.desk(office.person("alpha-mia")) as desk:
        rollouts.consent(desk, office.asking, DEVICE)
    with office.database.read() as connection:
        wanted = select(audit_entries).filter_by(action="rollout.consent")
        (entry,) = connection.execute(wanted).all()
    assert (entry.actor, entry.target, entry.product) == ("alpha-mia", DEVICE, ALPHA)
    assert "alpha-asking" in entry.detail


@pytest.mark.parametrize(
    ("role", "product", "device_id", "error"),
    [
        (Role.VIEWER, ALPHA, DEVICE, ForbiddenError),
        (Role.ADMIN, BETA, DEVICE, NotFoundError),
        (Role.ADMIN, ALPHA, "beta-1", NotFoundError),
        (Role.ADMIN, ALPHA, "nobody", NotFoundError),
    ],
)
def test_it_takes_an_operator_and_a_device_of_the_rollout(office, role, product, device_id, error):
    with office.trial(office.person("alpha-mia", role, product)) as desk, pytest.raises(error):
        rollouts.consent(desk, office.asking, device_id)


def test_nothing_is_agreed_to_that_nobody_asks_or_that_is_over(office):
    with office.desk() as desk:
        with pytest.raises(ConflictError, match="asks nobody"):
            rollouts.consent(desk, rollouts.create(desk, plan(ALPHA, "other")).id, DEVICE)
        rollouts.abort(desk, office.asking)
        with pytest.raises(ConflictError, match=r"withdrawn in a rollout that is aborted"):
            rollouts.consent(desk, office.asking, DEVICE)
