"""The commands of the log and of products' rules, and what commands leave in the log."""

import json

import pytest
from sqlalchemy import update
from support.memory_repository import PRODUCT

from ota_server.cli import console
from ota_server.database.operators_schema import audit_entries


@pytest.fixture
def two(house):
    """A log with two entries of a command behind that of ``init``."""
    house.run("device", "tag", "gw-1", "beta")
    house.run("device", "revoke", "gw-2", "--reason", "stolen", "--yes")
    return house


def test_a_command_is_written_down_under_its_account(two):
    listed = two.json("audit", "list", "--action", "device")
    assert listed["total_is_exact"] is True
    assert [(entry["actor_kind"], entry["actor"], entry["action"]) for entry in listed["entries"]] == [
        ("machine", console.account(), "device.revoke"),
        ("machine", console.account(), "device.tag"),
    ]
    assert two.json("audit", "show", 3)["detail"] == {"reason": "stolen"}
    assert "detail.reason stolen" in two.run("audit", "show", 3).stdout
    assert "not-found" in two.run("audit", "show", 99, code=1).stderr


def test_an_account_without_a_name_is_its_number(monkeypatch):
    def unknown(_):
        raise KeyError

    monkeypatch.setattr("ota_server.cli.console.pwd.getpwuid", unknown)
    assert console.account().isdecimal()


def test_the_log_is_checked_and_compared(two, tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_text(two.run("audit", "export").stdout)
    assert two.json("audit", "verify", "--against", kept)["kept"] == 3
    with two.begin() as connection:
        connection.execute(update(audit_entries).filter_by(id=2).values(actor="x"))
    assert "[audit]" in two.run("audit", "verify", code=1).stderr


@pytest.mark.walk(2)
@pytest.mark.parametrize("line", ["no json\n", "[]\n", '{"id": 1}\n', "\n", '{"id":1}\n'])
def test_what_is_no_export_is_refused_in_one_sentence(two, tmp_path, line):
    kept = tmp_path / "kept.jsonl"
    kept.write_text(line)
    refused = two.run("audit", "verify", "--against", kept, code=1 if line == '{"id":1}\n' else 2)
    assert len(refused.stderr.splitlines()) == 1


def test_an_empty_export_vouches_for_nothing(two, tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.touch()
    assert "entries in it, got none" in two.run("audit", "verify", "--against", kept, code=2).stderr


def test_a_part_of_the_log_is_exported(two):
    (line,) = two.run("audit", "export", "--after", "2").stdout.splitlines()
    assert json.loads(line)["action"] == "device.revoke"


def test_products_are_listed_shown_and_ruled(house):
    (one,) = house.json("product", "list")["products"]
    assert (one["name"], one["devices"], one["newest"]) == (PRODUCT, 4, "1.1.0")
    assert "needs approval  no" in house.run("product", "show", PRODUCT).stdout
    house.run("product", "set", PRODUCT, "--needs-approval")
    assert house.json("product", "show", PRODUCT)["needs_approval"] is True
    assert "needed" in house.run("product", "list").stdout
    house.run("product", "set", PRODUCT, "--no-approval")
    assert house.json("product", "show", PRODUCT)["needs_approval"] is False
    house.run("product", "set", PRODUCT, code=2)
    assert "not-found" in house.run("product", "show", "other", code=1).stderr


def test_a_rollout_says_who_made_it_and_who_agreed(house, monkeypatch):
    house.run("product", "set", PRODUCT, "--needs-approval")
    house.run("group", "create", PRODUCT, "all", f"product = {PRODUCT}")
    create = ("rollout", "create", PRODUCT, "spring", "1.1.0", "--group", "all", "--wave", "rest")
    assert "it waits for another person" in house.run(*create).stderr
    assert "[forbidden]" in house.run("rollout", "approve", 1, code=4).stderr
    monkeypatch.setattr(console, "account", lambda: "ann")
    assert house.json("rollout", "approve", 1, "--comment", "fine")["state"] == "running"
    shown = house.json("rollout", "show", 1)["approval"]
    assert (shown["decided_by"], shown["comment"]) == ("machine:ann", "fine")
    assert "approved by machine:ann (fine)" in house.run("rollout", "show", 1).stdout


def test_commands_that_ask_no_releases_open_no_store(house):
    for file in (house.folder / "published" / "metadata").iterdir():
        file.unlink()
    assert house.json("device", "list", "--unseen-for", "1d", "--status", "active")["total"] == 4
    assert "not-published" in house.run("release", "list", code=1).stderr
