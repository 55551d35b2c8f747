"""``ota-server webhook``, as a person types it."""

import pytest
from support.operator import Operator, furnish

from ota_server.settings import read_unchecked

URL = "https://hooks.example.com/ota"


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operator") / "server"
    furnish(folder)
    return Operator(folder)


def test_a_subscription_s_life_by_commands(operator):
    secret = operator.run(
        *("webhook", "add", "hook", "--url", URL, "--product", "gateway", "--kind", "rollout.halted")
    ).stdout.strip()
    assert secret.startswith("ratw_")
    assert operator.run("webhook", "rotate-secret", "hook").stdout.strip() != secret
    operator.run("webhook", "pause", "hook")
    assert operator.json("webhook", "show", "hook")["status"] == "paused"
    assert "paused by machine:" in operator.run("webhook", "show", "hook").stdout
    operator.run("webhook", "test", "hook", code=1)
    operator.run("webhook", "resume", "hook", "--skip-missed")
    operator.run("webhook", "test", "hook")
    (delivery,) = operator.json("webhook", "deliveries", "hook")["deliveries"]
    assert (delivery["event_id"], delivery["kind"], delivery["state"]) == (0, "test", "resend")
    assert (
        "expected an event that it was to get"
        in operator.run("webhook", "resend", "hook", "7", code=1).stderr
    )
    (listed,) = operator.json("webhook", "list")["subscriptions"]
    assert listed["filter"]["kinds"] == ["rollout.halted"]
    assert "hook" in operator.run("webhook", "list").stdout
    assert "expected --yes" in operator.run("webhook", "remove", "hook", code=2).stderr
    operator.run("webhook", "remove", "hook", "--yes")
    assert operator.json("webhook", "list") == {"subscriptions": []}
    actions = [entry["action"] for entry in operator.json("audit", "list")["entries"]]
    assert {"subscription.add", "subscription.rotate-secret", "subscription.remove"} <= set(actions)


def test_a_feed_is_shown_as_its_address(operator):
    url = read_unchecked({}, operator.folder / "ota-server.toml").public_url
    shown = operator.run("webhook", "add", "feed", "--feed").stdout.strip()
    assert shown.startswith(f"{url}/feeds?token=ratf_")
    made = operator.json("webhook", "rotate-secret", "feed")
    assert made["feed"] == f"{url}/feeds?token={made['secret']}" != shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "expected one of --url URL, --mail ADDRESS and --feed"),
        (("--feed", "--url", URL), "expected one of --url URL"),
        (("--url", "http://example.com/"), "expected a URL of https://"),
        (("--feed", "--device", "cam%"), "device_ids: expected an id"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(operator, args, message):
    assert message in operator.run("webhook", "add", "hook", *args, code=2).stderr


def test_mail_needs_a_mail_server_in_the_settings(operator):
    said = operator.run("webhook", "add", "mail", "--mail", "mia@example.com", code=1)
    assert "[mail] host" in said.stderr
