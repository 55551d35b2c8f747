import json

import pytest
from sqlalchemy import update
from support.memory_repository import PRODUCT
from support.operator import IDS

from ota_server.database.schema import devices, rollouts


def test_a_dry_run_says_who_is_in_and_who_not_and_changes_nothing(house):
    house.run("group", "create", PRODUCT, "all", f"product = {PRODUCT}")
    with house.begin() as connection:
        connection.execute(update(devices).filter_by(device_id="gw-4").values(hardware_id="other"))
    command = (
        "rollout",
        "create",
        PRODUCT,
        "spring",
        "1.1.0",
        "--group",
        "all",
        "--wave",
        "devices:gw-2",
    )
    text = house.run(*command, "--wave", "rest", "--dry-run").stdout
    assert "wave 1: 1 device: gw-2\nwave 2: 2 devices: gw-" in text
    assert "1 device: gw-4" in text
    assert "not in it" in text
    report = house.json(*command, "--wave", "rest", "--dry-run")
    assert [len(wave) for wave in report["waves"]] == [1, 2]
    assert [one["device_id"] for one in report["excluded"]] == ["gw-4"]
    assert house.rows(rollouts) == []


def test_a_rollout_is_planned_by_flags(house):
    house.run("group", "create", PRODUCT, "all", f"product = {PRODUCT}")
    made = house.json(
        *("rollout", "create", PRODUCT, "spring", "1.1.0", "--group", "all"),
        *("--wave", "25%", "--wave", "rest", "--success-share", "70%", "--success-of-answered", "95%"),
        *("--halt-share", "5%", "--halt-least", "4", "--halt-count", "2", "--soak", "1h"),
        *("--max-in-flight", "2", "--window", "Mon-Fri 22:00-04:00 Europe/Berlin", "--consent"),
        *("--start-at", "2126-01-01T00:00:00Z", "--retries", "1", "--answer-within", "2h"),
        *("--priority", "5", "--stays-open"),
    )
    plan = made["plan"]
    assert made["state"] == "scheduled"
    assert plan["waves"][0] == {
        "takes": "25%",
        "success": {"of_members": "70%", "of_answered": "95%"},
        "halt": {"share": "5%", "least": 4, "count": 2},
        "soak_s": 3600,
    }
    assert (plan["max_in_flight"], plan["forced"], plan["stays_open"]) == (2, False, True)
    assert (plan["retries"], plan["answer_within_s"], made["priority"]) == (1, 7200, 5)
    assert plan["windows"] == ["Mon,Tue,Wed,Thu,Fri 22:00-04:00 Europe/Berlin"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--wave", "many"], "a share such as 5%"),
        (["--wave", "rest", "--soak", "soon"], "expected a time such as 30s"),
        (["--wave", "rest", "--window", "now"], "expected a window such as"),
        (["--wave", "rest", "--start-at", "tomorrow"], "expected a time such as 2026"),
        (["--wave", "rest", "--halt-share", "7"], "expected a share such as"),
        (["--wave", "rest", "--via", "2.0.0"], "via: expected"),
        ([], "--wave"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_code_2(house, flags, message):
    refused = house.run("rollout", "create", PRODUCT, "a", "1.1.0", "--group", "all", *flags, code=2)
    assert message in refused.stderr
    assert "Traceback" not in refused.output


def test_a_rollout_is_looked_at_by_id_and_by_name(house, rollout):
    by_name = house.json("rollout", "show", rollout)
    assert house.json("rollout", "show", by_name["id"]) == by_name
    assert (by_name["state"], by_name["wave"], by_name["waves"][0]["pending"]) == ("running", 1, 1)
    text = house.run("rollout", "show", rollout).stdout
    assert text.startswith(f"{rollout} 1.1.0: running, wave 1 of 2, 0 of 4 run it")
    assert house.json("rollout", "list", "--state", "running")["total"] == 1
    assert house.json("rollout", "list", "--state", "halted")["rollouts"] == []
    assert rollout in house.run("rollout", "list", "--product", PRODUCT).stdout
    members = house.json("rollout", "devices", rollout, "--state", "pending")
    assert sorted(one["device_id"] for one in members["devices"]) == IDS
    for unknown in ("7", "gateway/none", "x", "9" * 40):
        assert "not-found" in house.run("rollout", "show", unknown, code=1).stderr


def test_a_rollout_is_steered(house, rollout):
    assert house.json("rollout", "pause", rollout, "--reason", "lunch")["reason"] == "lunch"
    assert "conflict" in house.run("rollout", "pause", rollout, code=1).stderr
    assert house.json("rollout", "resume", rollout)["state"] == "running"
    assert house.run("rollout", "retry", rollout).stdout == "0 devices try again\n"
    house.run("rollout", "retry", rollout, "--state", "failed", "--device", "gw-1")
    assert house.json("rollout", "abort", rollout, "--yes")["state"] == "aborted"


def test_a_halted_rollout_goes_on_only_when_somebody_means_it(house, rollout):
    with house.begin() as connection:
        connection.execute(update(rollouts).values(state="halted", reason="wave 1: too bad"))
    assert (
        "wave 1: too bad; go on nevertheless" in house.run("rollout", "resume", rollout, code=2).stderr
    )
    assert house.json("rollout", "resume", rollout, "--yes")["state"] != "halted"


@pytest.mark.parametrize(("state", "code"), [("finished", 0), ("halted", 12), ("aborted", 1)])
def test_watching_ends_with_the_rollout(house, rollout, state, code):
    with house.begin() as connection:
        connection.execute(update(rollouts).values(state=state, reason="so"))
    assert f"{state} (so)" in house.run("rollout", "watch", rollout, code=code).stdout
    line = house.run("rollout", "watch", rollout, "--json", code=code).stdout
    assert json.loads(line)["state"] == state
    assert len(line.splitlines()) == 1


def test_watching_tells_each_change(house, rollout, monkeypatch):
    def sleep(_seconds):
        with house.begin() as connection:
            connection.execute(update(rollouts).values(state="finished"))

    monkeypatch.setattr("ota_server.cli.rollout_watch.time.sleep", sleep)
    lines = house.run("rollout", "watch", rollout).stdout.splitlines()
    assert [": running," in lines[0], ": finished," in lines[1], len(lines)] == [True, True, 2]


def test_a_person_agrees_in_an_owner_s_name(house, rollout):
    asking = ("--group", "all", "--wave", "rest", "--consent")
    house.json("rollout", "create", PRODUCT, "asking", "1.1.0", *asking)
    done = house.run("rollout", "consent", f"{PRODUCT}/asking", "gw-1")
    assert done.stdout == f"gw-1 is given {PRODUCT} 1.1.0 without a question\n"
    assert "asks nobody" in house.run("rollout", "consent", rollout, "gw-1", code=1).stderr
