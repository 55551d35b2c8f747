"""A device's end takes it out of a year of events within its transaction, which others wait for."""

import json

import pytest
from sqlalchemy import select
from support.event_examples import example

from ota_server.database.events_schema import events
from ota_server.journal.event_kind import EventKind
from ota_server.journal.forgetting import may_name, names


def stored(kind):
    return json.loads(json.dumps(example(kind)))


def test_of_all_events_only_those_are_read_that_may_name_the_device(operator):
    found = select(events.c.id).where(may_name("gw-1")).order_by(events.c.id)
    with operator.begin() as connection:
        plan = found.compile(connection, compile_kwargs={"literal_binds": True})
        steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {plan}")]
    assert any("ix_events_device_id_id" in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind.value.startswith("device.")])
def test_an_event_about_one_device_has_no_field_that_names_another(kind):
    assert not names(stored(kind), "text")


def test_a_release_s_event_has_one():
    assert names(stored(EventKind.RELEASE_PUBLISHED), "text")
