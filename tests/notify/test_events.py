"""Events are stored with what they tell of, in one order, and the newest is never forgotten."""

from contextlib import suppress

import pytest
from support.event_examples import example
from support.telling import NOW, enrolled

from ota_server.journal import event_page
from ota_server.journal.event import Event, EventKind, record
from ota_server.journal.event_documents import checked
from ota_server.journal.event_page import StoredEvent, Wanted
from ota_server.notify import words
from ota_server.notify.message import Message, link_to


class _FailedError(Exception):
    pass


def test_an_event_is_there_if_and_only_if_what_it_tells_of_is(telling):
    with suppress(_FailedError), telling.begin() as connection:
        record(connection, enrolled(), now=NOW)
        raise _FailedError
    telling.enrol(1)
    with telling.database.read() as connection:
        found = event_page.listed(connection, Wanted(None))
    assert [one.id for one in found.items] == [1]


@pytest.mark.parametrize("kind", EventKind)
def test_each_kind_has_a_schema_words_and_a_link(kind):
    document = example(kind)
    assert checked(kind, document) == document
    event = StoredEvent(1, NOW, kind, 1, "cam", "cam-1", "", document)
    message = Message(event, NOW, link_to("https://x.example", event))
    assert words.title(message)
    assert "\n" not in words.title(message)
    assert message.link in words.body(message)


@pytest.mark.parametrize("kind", EventKind)
def test_a_document_with_a_field_too_many_is_an_error_of_the_program(kind):
    with pytest.raises(TypeError, match=kind.value):
        checked(kind, {**example(kind), "surprise": 1})


def test_a_document_with_a_field_too_few_is_refused_when_it_is_recorded(telling):
    with pytest.raises(TypeError, match="hardware_id"):
        telling.happen(Event(EventKind.DEVICE_ENROLLED, {}, product="cam"))


def test_who_sees_no_product_sees_nothing(telling):
    telling.happen(
        enrolled(), enrolled("", product="", kind=EventKind.ROOT_CHANGED, root_version=2, before=1)
    )
    with telling.database.read() as connection:
        assert event_page.listed(connection, Wanted(frozenset())).items == ()
        assert len(event_page.listed(connection, Wanted(frozenset({"tv"}))).items) == 1
        assert len(event_page.listed(connection, Wanted(None)).items) == 2
