"""Who may be told of what, by operations; and what a subscription shows as rights come and go."""

import json
from types import SimpleNamespace

import pytest
from support.telling import BOX, enrolled, ids

from ota_server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from ota_server.journal.event_kind import EventKind
from ota_server.notify.filter import Filter
from ota_server.notify.means import Means
from ota_server.notify.subscription import Channel
from ota_server.notify.webhook import WebhookSecrets
from ota_server.operations import notifications
from ota_server.operations.desk import Desk
from ota_server.operators import account, account_changes
from ota_server.operators.actor import Actor, ActorKind, Role

MEANS = Means(BOX, BOX, has_mail=True)
URL = "https://hooks.example.com/"
MACHINE = Actor.machine("root")


def desk(telling, connection, actor):
    return Desk(connection, actor, telling.now, SimpleNamespace())


def subscribe(telling, actor, name="hook", channel=Channel.WEBHOOK, address=URL, means=MEANS, **wanted):
    with telling.begin() as connection:
        return notifications.subscribe(
            desk(telling, connection, actor),
            means,
            name=name,
            channel=channel,
            address=address,
            wanted=Filter(**wanted),
        )


def person(telling, name, **grants):
    number = telling.operator(name, mail=f"{name}@example.com", **grants)
    with telling.database.read() as connection:
        return account.with_id(connection, number).actor


def names(telling, actor):
    with telling.database.read() as connection:
        return [one.name for one in notifications.subscriptions(desk(telling, connection, actor))]


CAM, TV = frozenset({"cam"}), frozenset({"tv"})


def test_a_viewer_has_an_own_feed_and_own_mail_and_nothing_for_others(telling):
    mia = person(telling, "mia", cam="viewer")
    assert subscribe(telling, mia, "feed", Channel.FEED, "").secret.startswith("ratf_")
    assert subscribe(telling, mia, "mail", Channel.MAIL, "").subscription.address == "mia@example.com"
    for channel, address in ((Channel.MAIL, "bob@example.com"), (Channel.WEBHOOK, URL)):
        with pytest.raises(ForbiddenError):
            subscribe(telling, mia, "other", channel, address, products=CAM)
    with pytest.raises(NotFoundError):
        subscribe(telling, mia, "other", Channel.FEED, "", products=TV)
    assert names(telling, mia) == ["feed", "mail"]


def test_an_admin_of_a_product_has_webhooks_for_it_and_for_no_other(telling):
    ada = person(telling, "ada", cam="admin", tv="viewer")
    assert subscribe(telling, ada, products=CAM).secret.startswith("ratw_")
    for products in (frozenset(), TV, CAM | TV):
        with pytest.raises(ForbiddenError):
            subscribe(telling, ada, "more", products=products)


def test_a_token_that_is_for_less_than_its_owner_gets_no_feed_of_more(telling):
    ada = person(telling, "ada", all_products="admin")
    token = Actor(ActorKind.TOKEN, "ci", {"cam": Role.ADMIN}, ada.operator_id)
    with pytest.raises(ForbiddenError):
        subscribe(telling, token, "feed", Channel.FEED, "")
    subscribe(telling, token, "feed", Channel.FEED, "", products=CAM)
    subscribe(telling, ada, "all")
    assert names(telling, token) == ["feed"]


def test_somebody_else_s_subscription_is_as_if_there_were_none(telling):
    ada, bob = person(telling, "ada", cam="admin"), person(telling, "bob", tv="admin")
    subscribe(telling, ada, products=CAM)
    assert names(telling, bob) == []
    with telling.begin() as connection:
        at = desk(telling, connection, bob)
        calls = (
            notifications.find_subscription,
            notifications.pause,
            notifications.resume,
            notifications.remove,
            notifications.test,
            notifications.deliveries,
            notifications.dead_letters,
            lambda at, name: notifications.resend(at, name, 1),
            lambda at, name: notifications.rotate_secret(at, MEANS, name),
        )
        for call in calls:
            with pytest.raises(NotFoundError) as there:
                call(at, "hook")
            with pytest.raises(NotFoundError) as missing:
                call(at, "none")
            assert str(there.value).replace("hook", "") == str(missing.value).replace("none", "")


def test_another_admin_of_the_product_may_steer_it(telling):
    ada, eve = person(telling, "ada", cam="admin"), person(telling, "eve", cam="admin")
    subscribe(telling, ada, products=CAM)
    with telling.begin() as connection:
        paused = notifications.pause(desk(telling, connection, eve), "hook")
    assert paused.reason == "paused by operator:eve"


def test_it_tells_what_its_operator_may_see_now(telling, receiver):
    mia = telling.operator("mia", cam="viewer")
    telling.subscribe(address=receiver.url, operator_id=mia)
    root = enrolled("", product="", kind=EventKind.ROOT_CHANGED, root_version=2, before=1)
    own = {"whose": "server", "expires_at": "2026-06-01T12:00:00Z"}
    certificate = enrolled("", product="", kind=EventKind.CERTIFICATE_EXPIRING, **own)
    telling.happen(enrolled("cam-1"), enrolled("tv-1", product="tv"), root, certificate)
    telling.send()
    assert ids(receiver) == [1, 3]
    with telling.begin() as connection:
        account_changes.disable(connection, mia)
    telling.enrol(1)
    telling.send()
    assert ids(receiver) == [1, 3]
    assert telling.find().position == 5


def test_a_dead_letter_that_may_be_told_no_more_is_not_resent(telling, receiver):
    mia = telling.operator("mia", cam="viewer")
    telling.subscribe(address=receiver.url, operator_id=mia)
    telling.enrol(1)
    telling.send()
    with telling.begin() as connection:
        notifications.resend(desk(telling, connection, MACHINE), "hook", 1)
        account_changes.disable(connection, mia)
    telling.send()
    assert ids(receiver) == [1]
    assert "must not be told" in telling.deliveries()[1].error


def test_a_removed_operator_s_subscriptions_are_gone(telling):
    mia = person(telling, "mia", cam="viewer")
    subscribe(telling, mia, "feed", Channel.FEED, "")
    with telling.begin() as connection:
        account_changes.remove(connection, mia.operator_id)
    assert names(telling, MACHINE) == []


def test_a_secret_is_kept_sealed_and_is_in_no_report(telling):
    made = subscribe(telling, MACHINE)
    found = telling.find()
    assert made.secret not in json.dumps(found.to_fields()) + found.secret
    assert WebhookSecrets.opened(found.secret, BOX).current == made.secret
    with telling.begin() as connection:
        rotated = notifications.rotate_secret(desk(telling, connection, MACHINE), MEANS, "hook")
    assert rotated.secret != made.secret
    kept = WebhookSecrets.opened(telling.find().secret, BOX)
    assert (kept.current, kept.previous) == (rotated.secret, made.secret)


@pytest.mark.parametrize(
    ("channel", "address", "wanted", "error"),
    [
        (Channel.WEBHOOK, "http://example.com/", {}, InvalidError),
        (Channel.MAIL, "nobody", {}, InvalidError),
        (Channel.FEED, URL, {}, InvalidError),
        (Channel.FEED, "", {"least_severity": "awful"}, InvalidError),
        (Channel.FEED, "", {"device_ids": "cam%"}, InvalidError),
        (Channel.FEED, "", {"products": frozenset({"../x"})}, InvalidError),
    ],
)
def test_what_cannot_be_subscribed_is_refused(telling, channel, address, wanted, error):
    with pytest.raises(error):
        subscribe(telling, MACHINE, channel=channel, address=address, **wanted)
    assert names(telling, MACHINE) == []


def test_without_a_mail_server_no_mail_is_promised(telling):
    with pytest.raises(ConflictError, match="mail server"):
        subscribe(telling, MACHINE, "mail", Channel.MAIL, "a@example.com", Means(BOX, BOX))


def test_a_name_is_given_once(telling):
    subscribe(telling, MACHINE)
    with pytest.raises(ConflictError, match="a new name"):
        subscribe(telling, MACHINE)


def test_a_paused_one_is_not_tested(telling):
    subscribe(telling, MACHINE)
    with telling.begin() as connection:
        at = desk(telling, connection, MACHINE)
        notifications.pause(at, "hook")
        with pytest.raises(ConflictError, match="resume it first"):
            notifications.test(at, "hook")


def test_events_are_those_of_ones_products_page_by_page(telling):
    mia = person(telling, "mia", cam="viewer")
    telling.happen(*(enrolled(f"cam-{n}") for n in range(5)), enrolled("tv-1", product="tv"))
    with telling.database.read() as connection:
        at = desk(telling, connection, mia)
        first = notifications.events(at, limit=3)
        assert ([one.id for one in first.items], first.total) == ([5, 4, 3], 5)
        rest = notifications.events(at, limit=3, after=first.next_after)
        assert ([one.id for one in rest.items], rest.next_after) == ([2, 1], None)
        assert [one.id for one in notifications.events(at, device_id="cam-3").items] == [4]
        assert notifications.events(at, kinds=frozenset({EventKind.DEVICE_REVOKED})).items == ()
        assert [one.id for one in notifications.events_behind(at, 3)] == [4, 5]
        with pytest.raises(InvalidError):
            notifications.events(at, after="x")
