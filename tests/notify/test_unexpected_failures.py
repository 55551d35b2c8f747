"""A mistake of the server's own stands in nobody's way for ever: it counts as a failed attempt."""

import pytest
from sqlalchemy import update
from support.telling import FIRST_S, GIVE_UP_S, enrolled, ids

from ota_server.database.events_schema import events
from ota_server.errors import DatabaseUnavailableError
from ota_server.notify import delivery, outbox
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.webhook import Webhooks

SECRET = "ratw_secret"


@pytest.fixture
def broken(monkeypatch):
    """Webhooks that break at what happens to cam-broken."""
    carry = Webhooks.carry

    def breaking(self, subscription, message):
        if message.event and message.event.device_id == "cam-broken":
            raise KeyError(SECRET)
        carry(self, subscription, message)

    monkeypatch.setattr(Webhooks, "carry", breaking)


@pytest.fixture(params=["in sending", "in reading"])
def stuck(request, telling, receiver):
    """The second of three events cannot be sent, or cannot even be read."""
    telling.subscribe(address=receiver.url)
    telling.happen(enrolled("cam-1"), enrolled("cam-broken"), enrolled("cam-3"))
    if request.param == "in sending":
        request.getfixturevalue("broken")
    else:
        with telling.begin() as connection:
            connection.execute(update(events).filter_by(id=2).values(kind="of.a.newer.server"))
    return telling


def test_it_is_tried_again_with_the_same_back_off(stuck, receiver, caplog):
    assert stuck.send() == 2
    assert ids(receiver) == [1]
    waiting = _second(stuck)
    assert (waiting.state, waiting.attempts) == ("waiting", 1)
    assert waiting.error.startswith("this server failed unexpectedly (")
    assert stuck.find().attempts == 1
    assert stuck.send() == 0
    stuck.pass_time(FIRST_S)
    assert stuck.send() == 1
    assert _second(stuck).attempts == 2
    assert SECRET not in caplog.text + waiting.error
    assert "failed unexpectedly: " in caplog.text


def _second(telling):
    with telling.database.read() as connection:
        return connection.exec_driver_sql(
            "SELECT state, attempts, error FROM deliveries WHERE event_id = 2"
        ).one()


def test_it_becomes_a_dead_letter_and_later_events_are_sent(stuck, receiver):
    stuck.send()
    stuck.pass_time(GIVE_UP_S)
    assert stuck.send() == 2
    assert _second(stuck).state == "dead"
    assert ids(receiver) == [1, 3]
    assert (stuck.find().position, stuck.find().attempts) == (3, 0)


def test_one_that_a_person_asked_for_fails_once(stuck, receiver):
    stuck.send()
    stuck.pass_time(GIVE_UP_S)
    stuck.send()
    with stuck.begin() as connection:
        delivery.resend(connection, 1, 2, now=stuck.now)
    stuck.happen(enrolled("cam-4"))
    assert stuck.send() == 2
    assert _second(stuck).state == DeliveryState.DEAD
    assert ids(receiver) == [1, 3, 4]


def test_a_database_that_does_not_answer_is_no_failure_of_a_delivery(telling, receiver, monkeypatch):
    def unavailable(*_, **__):
        raise DatabaseUnavailableError("not now")

    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    with monkeypatch.context() as patched:
        patched.setattr(outbox.event_page, "following", unavailable)
        with pytest.raises(DatabaseUnavailableError):
            telling.send()
    assert (telling.find().attempts, telling.deliveries()) == (0, {})
    assert telling.send() == 1
