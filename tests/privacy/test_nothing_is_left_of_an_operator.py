"""An operator worked here and is erased: by the same ways as people work, and in the file itself."""

import pytest
from sqlalchemy import select
from support.office import ALPHA, MEANS, Office, plan, rows

from ota_server.database.operators_schema import api_tokens, approvals
from ota_server.database.schema import rollouts as rollout_rows
from ota_server.journal import event_page
from ota_server.journal.event_page import Wanted
from ota_server.notify.filter import Filter
from ota_server.notify.subscription import Channel
from ota_server.operations import api_tokens as tokens
from ota_server.operations import approvals as decisions
from ota_server.operations import notifications, people, privacy, products, rollouts
from ota_server.operators.actor import Actor, ActorKind, Role
from ota_server.operators.role import Grant
from ota_server.rollouts.product_rules import ProductRules


@pytest.fixture
def office(tmp_path):
    """Zoe proposed one rollout herself and one by a token, decided a third, and paused a webhook."""
    one = Office(tmp_path)
    with one.desk() as desk:
        products.set_rules(desk, ALPHA, ProductRules(needs_approval=True))
        people.invite(desk, "zoe", [Grant(Role.ADMIN, "*")], mail="zoe@example.com")
        made = rollouts.create(desk, plan(ALPHA, "third"))
        hers = {"name": "hers", "channel": Channel.MAIL, "address": "zoe@example.com"}
        notifications.subscribe(desk, MEANS, **hers, wanted=Filter())
    zoe = one.person("zoe", Role.ADMIN, "*")
    with one.desk(zoe) as desk:
        tokens.issue(desk, "zoe-laptop", [Grant(Role.ADMIN, "*")])
        rollouts.create(desk, plan(ALPHA, "first"))
        notifications.pause(desk, f"{ALPHA}-hook")
        decisions.approve(desk, made.id)
    token = Actor(ActorKind.TOKEN, "zoe-laptop", zoe.grants, zoe.operator_id)
    with one.desk(token) as desk:
        rollouts.create(desk, plan(ALPHA, "second"))
    yield one
    one.close()


def named(office, name="zoe"):
    with office.database.read() as connection:
        found = rows(connection)
    return [row for row in found if name in row and not row.startswith("audit_entries ")]


def test_whoever_is_erased_is_named_by_the_audit_log_alone(office):
    assert len(named(office)) > 5
    with office.desk() as desk:
        erased = privacy.erase_operator(desk, "zoe")
    assert (erased.subscriptions, erased.approvals) == (1, 3)
    assert named(office) == []


def test_what_was_asked_and_decided_stays_under_the_pseudonym(office):
    with office.desk() as desk:
        pseudonym = privacy.erase_operator(desk, "zoe").pseudonym
    with office.database.read() as connection:
        people_of = select(approvals.c.asked_by, approvals.c.decided_by).join(rollout_rows)
        found = {tuple(row) for row in connection.execute(people_of)}
        told = event_page.listed(connection, Wanted(None)).items
        left = connection.scalars(select(api_tokens.c.name)).all()
    mine = f"operator:{pseudonym}"
    assert found >= {(mine, None), (f"token:{pseudonym}", None), ("machine:root", mine)}
    asked = [event.document["asked_by"] for event in told if "asked_by" in event.document]
    assert asked == [f"token:{pseudonym}", mine, "machine:root"]
    assert "zoe-laptop" not in left


def test_the_export_has_what_an_erasure_takes(office):
    with office.desk() as desk:
        kept = privacy.export_operator(desk, "zoe")
    assert [row["name"] for row in kept["subscriptions"]] == ["hers"]
    assert len(kept["approvals"]) == 3
    assert [row["document"]["asked_by"] for row in kept["events"]] == [
        "operator:zoe",
        "token:zoe-laptop",
    ]
