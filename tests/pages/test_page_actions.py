"""What people do on the pages, from the form to what follows."""

import re

import pytest
from sqlalchemy import select

from ota_server.database.operators_schema import audit_entries
from ota_server.database.schema import devices, rollout_devices, rollouts


@pytest.fixture
def state(own_house):
    def of(rollout_id):
        with own_house.database.read() as connection:
            return connection.scalar(select(rollouts.c.state).filter_by(id=rollout_id))

    return of


@pytest.fixture
def newest_entry(own_house):
    def entry():
        with own_house.database.read() as connection:
            newest = select(audit_entries).order_by(audit_entries.c.id.desc()).limit(1)
            return connection.execute(newest).one()

    return entry


def _button(shown, action):
    return f'action="{action}"' in shown.text


def test_a_rollout_is_stopped_and_goes_on_without_a_script(visit, state, newest_entry):
    ben = visit("ben")
    before = ben.get("/rollouts/5")
    assert re.search(r"No new offers; \d+ in flight finish|nobody is in flight", before.words)

    stopped = ben.post("/rollouts/5/pause")

    assert state(5) == "paused"
    assert "Paused: nothing new is offered" in stopped.words
    assert (newest_entry().actor, newest_entry().action) == ("ben", "rollout.pause")
    assert not _button(stopped, "/rollouts/5/pause")
    ben.post("/rollouts/5/resume")
    assert state(5) == "running"


def test_stopping_what_is_stopped_is_refused_with_a_sentence(visit):
    ben = visit("ben")
    ben.get("/rollouts/5")
    ben.post("/rollouts/5/pause")

    again = ben.post("/rollouts/5/pause")

    assert again.status == 409
    assert "expected one that can pause" in again.words


def test_an_abort_is_asked_for_twice(visit, state):
    ben = visit("ben")
    asked = ben.get("/rollouts/5/abort")
    assert "For good" in asked.words
    assert state(5) == "running"

    ben.post("/rollouts/5/abort", {"reason": "wrong release"})

    assert state(5) == "aborted"
    assert "wrong release" in ben.get("/rollouts/5").words


def test_a_halted_rollout_says_why_and_resumes(visit, state):
    mia = visit("mia")
    shown = mia.get("/rollouts/3")
    assert "it halts at" in shown.words
    assert "fell back" in shown.words
    assert "no longer counts for the halt condition" in shown.words

    mia.post("/rollouts/3/resume")

    assert state(3) in {"running", "finished"}


def test_a_second_person_approves(visit, state):
    mia, zoe = visit("mia"), visit("zoe")
    mia.get("/")
    assert mia.post("/rollouts/6/approve").status == 403

    zoe.get("/rollouts/6")
    zoe.post("/rollouts/6/approve", {"comment": "read the notes"})

    assert state(6) == "running"
    assert "read the notes" in zoe.get("/rollouts/6").words


def test_a_second_person_rejects(visit, state):
    zoe = visit("zoe")
    zoe.get("/rollouts/6")

    zoe.post("/rollouts/6/reject", {"comment": "not on a Friday"})

    assert state(6) == "aborted"


FORM = {
    "product": "camera",
    "version": "2.3.0",
    "group": "all",
    "name": "again",
    "waves": "10%, rest",
    "max_in_flight": "20",
    "halt_share": "10%",
    "halt_least": "5",
    "of_members": "80%",
    "of_answered": "90%",
    "soak_hours": "1",
    "retries": "2",
    "answer_hours": "24",
    "priority": "0",
}


def _query(**changed):
    from urllib.parse import urlencode

    return "/rollouts/new?" + urlencode({**FORM, **changed})


def test_a_new_rollout_shows_who_is_in_and_who_is_not_and_why(visit, state):
    ben = visit("ben")
    preview = ben.get(_query())
    assert "4. Who is in" in preview.words
    # revoked in the demo's story
    assert "It is revoked." in preview.words
    assert "cam-0005" in preview.words
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', preview.text))
    assert fields["waves"] == "10%, rest"

    made = ben.post("/rollouts", fields)

    assert "The rollout was made" in made.words
    assert state(7) == "running"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"waves": "20%, 10%"}, "expected rising shares"),
        ({"halt_share": "lots"}, "halt_share: expected a share"),
        ({"version": "9.9.9"}, "expected a published release"),
        ({"group": "none"}, "group"),
        ({"name": "Not A Name"}, "name: expected a name"),
        ({"max_in_flight": "-1"}, "max_in_flight: expected a whole number"),
        ({"windows": "tomorrow"}, "windows: "),
        ({"starts_at": "soon"}, "starts_at: expected a date and time"),
    ],
)
def test_a_wrong_field_is_said_in_one_sentence_and_the_others_stay(visit, changed, said):
    shown = visit("ben").get(_query(**changed))

    assert shown.status == 422
    assert said in shown.words
    kept = next(name for name in ("retries", "soak_hours") if name not in changed)
    assert f'name="{kept}" type="number" value="{FORM[kept]}"' in shown.text
    assert "Make the rollout" not in shown.words


def test_tags_are_set(visit):
    ben = visit("ben")
    ben.get("/devices/cam-0004")

    shown = ben.post("/devices/cam-0004/tags", {"tags": "beta, north  lab"})

    assert 'value="beta, lab, north"' in shown.text


def test_a_device_is_revoked(visit, own_house):
    ben = visit("ben")
    assert "turned away from its next request on" in ben.get("/devices/cam-0004/revoke").words

    ben.post("/devices/cam-0004/revoke", {"reason": "stolen"})

    with own_house.database.read() as connection:
        known = select(devices.c.status).filter_by(device_id="cam-0004")
        assert connection.scalar(known) == "revoked"


def test_a_device_is_decommissioned_by_who_types_its_name(visit):
    mia = visit("mia")
    asked = mia.get("/devices/cam-0004/decommission")
    assert "erased" in asked.words

    slipped = mia.post("/devices/cam-0004/decommission", {"typed": "cam-0040"})
    assert slipped.status == 422
    assert mia.get("/devices/cam-0004").status == 200

    mia.post("/devices/cam-0004/decommission", {"typed": "cam-0004"})
    assert mia.get("/devices/cam-0004").status == 404


def test_a_webhooks_secret_is_shown_once(visit):
    mia = visit("mia")
    mia.get("/notifications/+new")
    fields = {
        "name": "ci",
        "channel": "webhook",
        "address": "https://ci.example/",
        "kind": ["root.changed"],
    }

    made = mia.post("/notifications", fields)

    secret = re.search(r'id="secret"[^>]*>([^<]+)<', made.text)[1]
    assert len(secret) > 20
    assert made.headers["cache-control"] == "no-store"
    later = mia.get("/notifications/ci")
    assert secret not in later.text
    assert "Nothing was sent" in later.words


def test_a_wrong_address_keeps_the_form(visit):
    mia = visit("mia")
    mia.get("/")

    shown = mia.post("/notifications", {"name": "ci", "channel": "webhook", "address": "ftp://x"})

    assert shown.status == 422
    assert 'value="ftp://x"' in shown.text
    assert mia.get("/notifications/ci").status == 404


def test_a_dead_letter_is_sent_again(visit):
    mia = visit("mia")
    assert "1 given up" in mia.get("/notifications/siem").words

    assert "It is sent again" in mia.post("/notifications/siem/resend", {"event_id": "3"}).words


def test_a_subscription_pauses_resumes_and_goes(visit):
    mia = visit("mia")
    mia.get("/")
    assert "paused by operator:mia" in mia.post("/notifications/siem/pause").words
    assert "active" in mia.post("/notifications/siem/resume").words
    mia.post("/notifications/siem/remove")
    assert mia.get("/notifications/siem").status == 404


def test_an_operator_is_invited_by_a_link_that_is_shown_once(visit, stranger):
    mia = visit("mia")
    mia.get("/operators")

    made = mia.post("/operators", {"name": "new", "role": "viewer", "product": "camera"})

    link = re.search(r"https://ota\.example(/welcome\?code=[\w-]+)", made.text)[1]
    assert link not in mia.get("/operators/new").text
    for _ in range(2):
        # looking uses nothing up
        assert "Welcome, new" in stranger.get(link).words
    code = link.partition("=")[2]
    unlike = stranger.post("/welcome", {"code": code, "password": "a" * 14, "again": "b" * 14})
    assert unlike.status == 422
    good = {"code": code, "password": "two otters swim", "again": "two otters swim"}
    assert "The password is set" in stranger.post("/welcome", good).words
    assert stranger.get(link).status == 404


def test_a_name_that_is_taken_is_said_beside_the_form(visit):
    mia = visit("mia")
    mia.get("/")

    shown = mia.post("/operators", {"name": "ben", "role": "viewer", "product": "*"})

    assert shown.status == 422
    assert "there is an operator" in shown.words


def test_roles_are_given_and_taken_and_accounts_disabled(visit):
    mia, kai = visit("mia"), visit("kai")
    mia.get("/")
    mia.post("/operators/kai/grant", {"role": "operator", "product": "meter"})
    assert kai.get("/rollouts/6").status == 200
    mia.post("/operators/kai/revoke-grant", {"product": "meter"})
    assert kai.get("/rollouts/6").status == 404
    mia.post("/operators/kai/disable")
    assert kai.get("/", follow=False).headers["location"] == "/sign-in"


def test_nobody_changes_the_own_rights(visit):
    mia = visit("mia")
    mia.get("/")

    assert mia.post("/operators/mia/disable").status == 403


def test_an_api_token_is_shown_once_and_ended(visit):
    ben = visit("ben")
    ben.get("/account")

    made = ben.post(
        "/account/tokens", {"name": "ci", "role": "viewer", "product": "camera", "days": "30"}
    )

    token = re.search(r"rat_[\w-]{43}", made.text)[0]
    account = ben.get("/account")
    assert token not in account.text
    number = re.search(r'name="token_id" value="(\d+)"', account.text)[1]
    assert "The token ended" in ben.post("/account/tokens/withdraw", {"token_id": number}).words


def test_nobody_makes_a_token_that_may_more_than_oneself(visit):
    ben = visit("ben")
    ben.get("/account")

    shown = ben.post(
        "/account/tokens", {"name": "x", "role": "admin", "product": "camera", "days": "30"}
    )

    assert shown.status == 422
    assert "rat_" not in shown.text


def test_signing_in_and_out_with_a_password(visit, stranger, own_house, newest_entry):
    mia = visit("mia")
    mia.get("/operators")
    made = mia.post("/operators", {"name": "new", "role": "viewer", "product": "camera"})
    code = re.search(r"code=([\w-]+)", made.text)[1]
    stranger.post("/welcome", {"code": code, "password": "two otters swim", "again": "two otters swim"})
    signed_out = stranger.post("/sign-out")
    assert "You are signed out" in signed_out.words
    assert stranger.cookies == {}
    assert (newest_entry().actor, newest_entry().action) == ("new", "operator.sign-out")

    wrong = stranger.post("/sign-in", {"name": "new", "password": "three otters"})
    assert wrong.status == 403
    unknown = stranger.post("/sign-in", {"name": "nobody", "password": "three otters"})
    assert unknown.text.replace("nobody", "new") == wrong.text

    back = {"name": "new", "password": "two otters swim", "next": "/devices"}
    shown = stranger.post("/sign-in", back)
    assert shown.path == "/devices"
    changed = {"old": "two otters swim", "password": "four otters swim", "again": "four otters swim"}
    stranger.get("/account")
    assert "The password is set" in stranger.post("/account/password", changed).words


def test_colours_are_remembered(visit):
    mia = visit("mia")
    mia.get("/devices")

    shown = mia.post("/theme", {"theme": "dark", "back": "/devices"})

    assert 'data-theme="dark"' in shown.text
    assert 'data-theme="dark"' in mia.get("/").text


def test_the_product_that_is_looked_at_stays_in_the_links(signed_in):
    shown = signed_in("mia").get("/devices?product=gateway")

    assert "cam-0" not in shown.text
    assert "/rollouts?product=gateway" in shown.text


def test_an_owner_s_consent_is_noted_on_the_device_s_page(visit, own_house, newest_entry):
    with own_house.database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE rollouts SET plan = replace(plan, '\"forced\":true', '\"forced\":false')"
        )
        wanted = select(devices.c.device_id).join(rollout_devices)
        waiting = wanted.where(rollout_devices.c.rollout_id == 5, rollout_devices.c.state == "pending")
        device_id = connection.scalar(waiting.limit(1))
    ben = visit("ben")
    assert _button(ben.get(f"/devices/{device_id}"), f"/devices/{device_id}/consent")

    shown = ben.post(f"/devices/{device_id}/consent", {"rollout": "5"})

    assert "The owner's consent is noted" in shown.words
    assert not _button(shown, f"/devices/{device_id}/consent")
    assert (newest_entry().action, newest_entry().target) == ("rollout.consent", device_id)
