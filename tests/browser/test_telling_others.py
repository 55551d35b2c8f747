"""A webhook is subscribed: what arrives, what is given up, and what is sent again."""

import hashlib
import hmac
import json

import pytest
from device_lives import take_and_report
from playwright.sync_api import expect
from story import PRODUCT, make_group, roll_out
from support.webhook_receiver import receiving

from ota_client.protocol import ReportState

_TRIES = 60


@pytest.fixture
def environment():
    """Receivers on the loopback are refused unless asked for by name; patience ends soon."""
    settings = {
        "PRIVATE_NETWORKS": "127.0.0.0/8",
        "INSECURE_HTTP_WEBHOOKS": "true",
        "RETRY_FIRST_S": "1",
        "GIVE_UP_S": "1",
        "SEND_S": "1",
    }
    return {f"OTA_SERVER_NOTIFICATIONS_{name}": value for name, value in settings.items()}


def test_a_webhook_gets_what_happens_and_a_dead_letter_is_sent_again(visit, dashboard):
    make_group(dashboard)
    rollout_id = roll_out(dashboard)
    with receiving() as receiver:
        page = visit("ada", f"admin:{PRODUCT}").open("/notifications")
        secret = subscribe(page, f"{receiver.url}/hook")

        page.get_by_role("button", name="Send a test").click()
        see(page, page.get_by_role("row", name="test").get_by_text("delivered"))
        assert is_signed(receiver.received[-1], secret)

        receiver.answer = lambda _: (503, {})
        take_and_report(dashboard, rollout_id, ReportState.FELL_BACK, code="not-marked-good")
        row = page.get_by_role("row", name="rollout.halted")
        see(page, row.get_by_text("given up"))
        expect(row).to_contain_text("503")

        receiver.answer = lambda _: (204, {})
        page.get_by_label("State").select_option(label="given up")
        page.wait_for_url("**state=dead**")
        row.get_by_role("button", name="Send again").click()
        see(page, row.get_by_text("delivered"))
    told = json.loads(receiver.received[-1].body)
    assert told["kind"] == "rollout.halted"
    assert is_signed(receiver.received[-1], secret)


def test_an_address_within_the_house_is_refused_in_words(visit):
    person = visit("ada", f"admin:{PRODUCT}")
    person.troubles.allow_refusals()
    page = person.open("/notifications/+new")
    page.get_by_label("Name").fill("pager")
    page.get_by_label("Channel").select_option("webhook")
    page.get_by_label("Address").fill("ftp://10.0.0.1/hook")
    page.get_by_role("group", name="Products").get_by_label(PRODUCT).check()
    page.get_by_role("button", name="Subscribe").click()
    expect(page.locator("main .note")).to_contain_text("expected")
    expect(page.get_by_label("Name")).to_have_value("pager")
    expect(page.get_by_label(PRODUCT)).to_be_checked()


def subscribe(page, address):
    """Subscribe, and return the secret that is shown once."""
    page.get_by_role("link", name="Subscribe").first.click()
    page.get_by_label("Name").fill("pager")
    page.get_by_label("Channel").select_option("webhook")
    page.get_by_label("Address").fill(address)
    page.get_by_label("rollout.halted").check()
    page.get_by_role("group", name="Products").get_by_label(PRODUCT).check()
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", name="shown this once")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("link", name="I have kept it").click()
    expect(page.get_by_role("heading", name="pager")).to_be_visible()
    assert secret not in page.content()
    return secret


def see(page, wanted):
    """Look again until it is there: the sender has its own pace."""
    for _ in range(_TRIES):
        if wanted.count():
            return
        page.wait_for_timeout(500)
        page.reload()
    expect(wanted).to_be_visible()


def is_signed(received, secret):
    headers = {name.lower(): value for name, value in received.headers.items()}
    signed = headers["ratchet-timestamp"].encode() + b"." + received.body
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return headers["ratchet-signature"] == f"v1={mac}"
