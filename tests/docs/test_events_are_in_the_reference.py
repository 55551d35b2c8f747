"""docs/reference/events.md is held to the schemas, which recorded events are held to as well."""

import re
from datetime import UTC, datetime

import pytest
from pages import REFERENCE, read, rows, section
from support.event_tables import sections

from ota_server.journal.event_kind import EventKind
from ota_server.journal.event_page import StoredEvent
from ota_server.notify.message import Message

PAGE = REFERENCE / "events.md"


@pytest.mark.parametrize("expected", sections(), ids=list(EventKind))
def test_each_kind_is_in_the_reference_as_its_schema_is(expected):
    assert expected in read(PAGE)


def test_the_reference_has_no_other_kind():
    assert set(re.findall(r"^## `(.*)`$", read(PAGE), re.MULTILINE)) == set(EventKind)


def test_the_envelope_has_the_fields_that_are_sent():
    named = [row[0].strip("`") for row in rows(section(read(PAGE), "## The envelope"))[2:]]
    event = StoredEvent(1, datetime.now(UTC), EventKind.ROOT_CHANGED, 1, "", "", "", {})
    for sent in (Message(event, event.at, ""), Message(None, event.at, "")):
        assert sorted(named) == sorted(sent.to_fields())
