"""At least once, and in order: what a subscription's receiver sees when things go wrong."""

import json

import pytest
from sqlalchemy import update
from support.telling import FIRST_S, GIVE_UP_S, enrolled, ids
from support.webhook_receiver import receiving

from ota_server.database.events_schema import subscriptions
from ota_server.journal.event_kind import EventKind
from ota_server.notify import delivery, lease, subscription
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.subscription import Channel, Status


def failing(*bad, status=500, **headers):
    """Answers the first of each of these events badly."""
    left = list(bad)

    def answer(one):
        number = json.loads(one.body)["id"]
        if number in left:
            left.remove(number)
            return status, {name.replace("_", "-"): value for name, value in headers.items()}
        return 204, {}

    return answer


def test_events_arrive_in_order_and_each_once(telling, receiver):
    telling.subscribe(address=receiver.url)
    telling.enrol(55)
    assert telling.send() == 55
    assert ids(receiver) == list(range(1, 56))
    assert telling.send() == 0
    assert telling.find().position == 55
    assert {one.state for one in telling.deliveries().values()} == {DeliveryState.DELIVERED}


def test_a_subscription_tells_of_what_happens_from_then_on(telling, receiver):
    telling.enrol(3)
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    telling.send()
    assert ids(receiver) == [4]


def test_a_failure_is_tried_again_and_nothing_overtakes_it(telling, receiver):
    receiver.answer = failing(2, 2)
    telling.subscribe(address=receiver.url)
    telling.enrol(3)
    assert telling.send() == 2
    assert telling.deliveries()[2].state is DeliveryState.WAITING
    assert telling.send() == 0
    telling.pass_time(FIRST_S)
    assert telling.send() == 1
    telling.pass_time(2 * FIRST_S)
    assert telling.send() == 2
    assert ids(receiver) == [1, 2, 2, 2, 3]
    assert [one.headers["Ratchet-Delivery"] for one in receiver.received[1:4]] == ["1-2"] * 3
    assert telling.deliveries()[2].attempts == 3
    assert (telling.find().attempts, telling.find().failing_since) == (0, None)


def test_a_receiver_that_asks_to_wait_is_not_tried_before(telling, receiver):
    receiver.answer = failing(1, status=429, Retry_After="300")
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    telling.send()
    telling.pass_time(299)
    assert telling.send() == 0
    telling.pass_time(1)
    assert telling.send() == 1


def test_a_dead_letter_lets_later_events_go_on_and_is_sent_again_by_hand(telling, receiver):
    receiver.answer = lambda one: (500 if json.loads(one.body)["id"] == 1 else 204, {})
    telling.subscribe(address=receiver.url)
    telling.enrol(2)
    for _ in range(10):
        telling.send()
        telling.pass_time(500)
    assert telling.deliveries()[1].state is DeliveryState.DEAD
    assert telling.deliveries()[1].error == "the receiver answered 500"
    assert ids(receiver)[-1] == 2
    assert telling.deliveries()[1].attempts == 8

    receiver.answer = lambda _: (200, {})
    with telling.begin() as connection:
        delivery.resend(connection, 1, 1, now=telling.now)
    assert telling.send() == 1
    assert ids(receiver)[-1] == 1
    assert telling.deliveries()[1].state is DeliveryState.DELIVERED
    assert telling.find().position == 2


def test_an_event_has_its_time_even_if_the_receiver_fails_for_long(telling, receiver):
    receiver.answer = lambda _: (500, {})
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    telling.send()
    telling.pass_time(GIVE_UP_S)
    telling.enrol(1)
    assert telling.send() == 2
    states = {number: one.state for number, one in telling.deliveries().items()}
    assert states == {1: DeliveryState.DEAD, 2: DeliveryState.WAITING}


def test_a_resend_that_fails_is_dead_again_and_holds_nothing_up(telling, receiver):
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    telling.send()
    receiver.answer = failing(1)
    with telling.begin() as connection:
        delivery.resend(connection, 1, 1, now=telling.now)
    telling.enrol(1)
    assert telling.send() == 2
    assert ids(receiver) == [1, 1, 2]
    assert telling.deliveries()[1].state is DeliveryState.DEAD


def test_a_test_is_sent_and_stands_among_the_deliveries(telling, receiver):
    telling.subscribe(address=receiver.url)
    with telling.begin() as connection:
        delivery.ask_for_test(connection, 1, now=telling.now)
    assert telling.send() == 1
    assert json.loads(receiver.received[0].body)["kind"] == "test"
    assert telling.deliveries()[0].kind == "test"
    assert telling.find().position == 0


def test_410_pauses_and_resuming_goes_on_with_the_same_event(telling, receiver):
    receiver.answer = failing(1, status=410)
    telling.subscribe(address=receiver.url)
    telling.enrol(2)
    telling.send()
    assert telling.find().status is Status.PAUSED
    assert "410" in telling.find().reason
    telling.pass_time(10**6)
    assert telling.send() == 0
    with telling.begin() as connection:
        subscription.resume(connection, 1)
    assert telling.send() == 2
    assert ids(receiver) == [1, 1, 2]


def test_resuming_may_skip_what_was_missed(telling, receiver):
    telling.subscribe(address=receiver.url)
    with telling.begin() as connection:
        subscription.pause(connection, 1, "holidays")
    telling.enrol(2)
    with telling.begin() as connection:
        subscription.resume(connection, 1, skip_missed=True)
    telling.enrol(1)
    telling.send()
    assert ids(receiver) == [3]


def test_a_pause_in_the_middle_of_a_turn_ends_it(telling, receiver):
    def answer(one):
        if json.loads(one.body)["id"] == 2:
            with telling.begin() as connection:
                subscription.pause(connection, 1, "enough")
        return 204, {}

    receiver.answer = answer
    telling.subscribe(address=receiver.url)
    telling.enrol(5)
    telling.send()
    assert ids(receiver) == [1, 2]
    # what has arrived is known to have: it does not come again
    assert telling.find().position == 2


def test_while_one_process_sends_no_other_does(telling, receiver):
    seen = []

    def answer(_):
        with telling.begin() as connection:
            seen.append(lease.take(connection, 1, Channel.WEBHOOK, "other", now=telling.now))
            seen.append(tuple(lease.due(connection, telling.now)))
        return 204, {}

    receiver.answer = answer
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    telling.send()
    assert seen == [None, ()]


def test_a_lease_that_a_killed_process_left_is_taken_over(telling, receiver):
    telling.subscribe(address=receiver.url)
    telling.enrol(1)
    with telling.begin() as connection:
        lease.take(connection, 1, Channel.WEBHOOK, "killed", now=telling.now)
    assert telling.send() == 0
    telling.pass_time(lease.LEASE_S[Channel.WEBHOOK])
    assert telling.send() == 1


def test_who_lost_the_lease_sends_nothing_more(telling, receiver):
    def answer(_):
        with telling.begin() as connection:
            connection.execute(update(subscriptions).values(lease="another"))
        return 204, {}

    receiver.answer = answer
    telling.subscribe(address=receiver.url)
    telling.enrol(3)
    assert telling.send() == 1
    assert telling.find().position == 0


def test_a_process_that_ends_leaves_the_rest_to_the_next(telling, receiver):
    def answer(_):
        telling.is_ending = True
        return 204, {}

    receiver.answer = answer
    telling.subscribe(address=receiver.url)
    telling.enrol(3)
    assert telling.send() == 1
    telling.is_ending = False
    receiver.answer = lambda _: (204, {})
    assert telling.send() == 2
    assert ids(receiver) == [1, 2, 3]


@pytest.mark.parametrize("after", ["none", "some"])
def test_events_that_nobody_wanted_are_passed_by(telling, receiver, after):
    telling.subscribe(address=receiver.url, kinds=frozenset({EventKind.DEVICE_REVOKED}))
    telling.enrol(60)
    if after == "some":
        telling.happen(enrolled(kind=EventKind.DEVICE_REVOKED))
    telling.send()
    assert telling.find().position == (61 if after == "some" else 60)
    assert ids(receiver) == ([61] if after == "some" else [])


def test_a_subscription_whose_receiver_is_away_holds_no_other_up(telling):
    with receiving() as bad, receiving() as good:
        bad.answer = lambda _: (503, {})
        telling.subscribe("bad", address=bad.url)
        telling.subscribe("good", address=good.url)
        telling.enrol(2)
        telling.send("bad")
        telling.send("good")
        assert (ids(bad), ids(good)) == ([1], [1, 2])
