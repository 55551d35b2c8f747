"""Every operation that changes something leaves an entry in the audit log; the functions are found."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.every_operation import OPERATIONS, Ask, call
from support.fleet import NOW
from support.office import ALPHA, MEANS, finish, plan, rows

from ota_server.database.operators_schema import audit_entries
from ota_server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from ota_server.journal.audit_page import AuditFilter
from ota_server.operations import audit, devices, enrolment_tokens, notifications, rollouts
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Actor, ActorKind, Role

# asked for, and not true of the things that the tests have: a proposed rollout, a feed of mail ...
REFUSALS = (ConflictError, ForbiddenError, InvalidError, NotFoundError)


@pytest.mark.walk(33)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_changes_something_is_in_the_audit_log(office_once, name):
    for actor in (None, office_once.person("alpha-mia", Role.ADMIN)):
        with office_once.trial(actor) as desk:
            try:
                call(desk, name, office_once, Ask(ALPHA))
            except REFUSALS:
                continue
            finish(desk)
            changed = rows(desk.connection) ^ office_once.at_rest
        entries = [row for row in changed if row.startswith("audit_entries")]
        assert bool(changed) == bool(entries)


def entries(office, **wanted):
    with office.desk() as desk:
        return audit.listed(desk, AuditFilter(**wanted)).items


def test_an_entry_says_who_did_what_when_and_to_what(office):
    token = Actor(ActorKind.TOKEN, "ci", {ALPHA: Role.OPERATOR})
    with office.desk(token) as desk:
        rollouts.pause(desk, 1, reason="lunch")
    (entry,) = entries(office, actor="ci")
    assert entry.to_fields() == {
        "id": 13,
        "at": "2026-06-01T12:00:00Z",
        "actor_kind": "token",
        "actor": "ci",
        "action": "rollout.pause",
        "product": "alpha",
        "target": "alpha/alpha-spring",
        "detail": {"id": 1, "reason": "lunch"},
        "sha256": entry.sha256,
    }


def test_what_fails_is_not_written_down(office):
    before = len(entries(office))

    def both():
        with office.desk() as desk:
            devices.change_tags(desk, "alpha-1", add=["new"])
            rollouts.create(desk, plan(ALPHA, "spring"))

    with pytest.raises(ConflictError):
        both()
    assert len(entries(office)) == before


def test_what_changes_nothing_is_not_written_down(office):
    before = len(entries(office))
    with office.desk() as desk:
        devices.change_tags(desk, "alpha-1", remove=["never-had"])
    assert len(entries(office)) == before


def test_no_secret_is_written_down(office):
    with office.desk() as desk:
        lifetime = timedelta(days=1)
        token = enrolment_tokens.issue(desk, ALPHA, lifetime=lifetime).token
        secret = notifications.rotate_secret(desk, MEANS, "alpha-hook").secret
    with office.database.read() as connection:
        log = json.dumps([list(row) for row in connection.execute(select(audit_entries))])
    assert token not in log
    assert secret not in log
    for session in office.tokens.values():
        assert session not in log


def test_filters_narrow_the_log(office):
    with office.desk() as desk:
        devices.change_tags(desk, "alpha-1", add=["new"])
    assert [entry.action for entry in entries(office, target="alpha-1")] == ["device.tag"]
    assert {entry.action for entry in entries(office, action="rollout")} == {"rollout.create"}
    assert entries(office, action="roll") == ()
    assert {entry.product for entry in entries(office, product="beta")} == {"beta"}
    assert entries(office, since=NOW + timedelta(seconds=1)) == ()
    assert len(entries(office, until=NOW + timedelta(seconds=1))) == 13


def test_the_log_is_read_page_by_page_the_newest_first(office):
    with office.desk() as desk:
        first = audit.listed(desk, limit=8)
        second = audit.listed(desk, limit=8, after=first.next_after)
    ids = [entry.id for page in (first, second) for entry in page.items]
    assert ids == list(range(12, 0, -1))
    assert (first.total, second.next_after) == (12, None)


def test_what_concerns_no_product_is_for_admins_of_all(office):
    def seen(actor):
        with office.desk(actor) as desk:
            return {entry.product for entry in audit.listed(desk).items}

    assert seen(office.person("alpha-mia", Role.ADMIN)) == {"alpha"}
    assert seen(office.person("alpha-mia", Role.VIEWER, "*")) == {"alpha", "beta"}
    assert seen(office.person("alpha-mia", Role.ADMIN, "*")) == {"alpha", "beta", ""}


def test_one_entry_is_found_by_who_may_see_it(office):
    with office.desk(office.person("alpha-mia")) as desk:
        assert audit.find(desk, 3).action == "rollout.create"
        for foreign in (1, 8, 99, -1, 10**30):
            with pytest.raises(NotFoundError, match="the id of an entry"):
                audit.find(desk, foreign)


def test_a_desk_names_the_account_of_the_machine():
    assert Desk(None, Actor.machine("root"), NOW, None).actor.label == "machine:root"
