"""The operator's commands, each over a real database and real signed files."""

import click
import pytest
from sqlalchemy import update
from support.memory_repository import PRODUCT
from support.operator import ADVISORY, IDS

from ota_server.cli import main
from ota_server.database.schema import denied_keys, devices, enrolment_tokens, rollouts
from ota_server.devices import version_counts


def walk(command, path=()):
    yield path, command
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from walk(part, (*path, name))


def test_every_command_reports_as_json_and_those_of_the_fleet_take_settings():
    for path, command in walk(main):
        if isinstance(command, click.Group):
            continue
        options = {name for parameter in command.params for name in parameter.opts}
        assert "--json" in options, path
        assert "--config" in options or path[0] in {"init", "simulate"}, path


def test_a_token_is_shown_once_and_kept_as_a_hash(house):
    issued = house.run(
        "token", "issue", PRODUCT, "--device", "gw-*", "--uses", "3", "--lifetime", "2h", "--tag", "new"
    )
    token = issued.stdout.strip()
    assert len(token) == 43
    assert "is valid until" in issued.stderr
    (row,) = house.rows(enrolment_tokens)
    assert token not in str(row)
    (listed,) = house.json("token", "list")["tokens"]
    assert (listed["device_ids"], listed["uses_left"], listed["tags"]) == ("gw-*", 3, ["new"])
    assert token not in house.run("token", "list").output
    house.run("token", "withdraw", listed["id"])
    assert house.json("token", "list")["tokens"] == []
    assert "not-found" in house.run("token", "withdraw", 7, code=1).stderr


def test_devices_are_listed_page_by_page(house):
    first = house.json("device", "list", "--limit", "3")
    assert [one["device_id"] for one in first["devices"]] == IDS[:3]
    assert first["total"] == 4
    rest = house.json("device", "list", "--limit", "3", "--after", first["next_after"])
    assert [one["device_id"] for one in rest["devices"]] == IDS[3:]
    assert rest["next_after"] is None
    shown = house.run("device", "list", "--limit", "3")
    assert "gw-3" in shown.stdout
    assert "gw-4" not in shown.stdout
    assert "3 of 4 devices\nmore: --after gw-3\n" in shown.stderr


def test_devices_are_found_by_what_they_are(house):
    house.run("group", "create", PRODUCT, "one", "device_id = gw-2")
    for flags, expected in (
        (("--product", PRODUCT, "--group", "one"), ["gw-2"]),
        (("--text", "gw-3"), ["gw-3"]),
        (("--version", "1.0.0"), IDS),
        (("--product", "other"), []),
    ):
        assert [one["device_id"] for one in house.json("device", "list", *flags)["devices"]] == expected
    house.run("device", "list", "--group", "one", code=2)


def test_a_device_is_shown_tagged_and_its_history_told(house):
    assert house.json("device", "tag", "gw-1", "beta", "eu")["tags"] == ["beta", "eu"]
    assert house.run("device", "untag", "gw-1", "eu").stdout == "gw-1 has the tags beta\n"
    shown = house.json("device", "show", "gw-1")
    assert (shown["tags"], shown["running_version"], shown["inventory"]) == (["beta"], "1.0.0", None)
    assert "running_version         1.0.0" in house.run("device", "show", "gw-1").stdout
    house.run("device", "revoke", "gw-1", "--yes")
    assert [entry["kind"] for entry in house.json("device", "history", "gw-1")["history"]] == ["revoked"]
    assert "revoked" in house.run("device", "history", "gw-1").stdout


def test_revoked_and_decommissioned_devices_do_not_come_back(house):
    house.run("device", "revoke", "gw-1", "--yes")
    assert house.json("device", "decommission", "gw-2", "--yes")["erased"]["devices"] == 1
    assert {row.device_id: row.status for row in house.rows(devices)} == {
        "gw-1": "revoked",
        "gw-3": "active",
        "gw-4": "active",
    }
    assert len(house.rows(denied_keys)) == 2
    again = house.run("device", "decommission", "gw-2", "--yes")
    assert again.stdout == "nothing to erase: gw-2 is not known\n"


@pytest.mark.parametrize(
    "command",
    [
        ("device", "revoke", "gw-1"),
        ("device", "decommission", "gw-1"),
        ("group", "delete", PRODUCT, "all"),
        ("rollout", "abort", f"{PRODUCT}/spring"),
    ],
)
def test_what_cannot_be_undone_asks_first(house, rollout, command):
    refused = house.run(*command, code=2, stdin="y\n")
    assert "expected --yes, or a terminal" in refused.stderr
    assert len(house.rows(devices)) == 4
    assert {row.status for row in house.rows(devices)} == {"active"}
    assert {row.state for row in house.rows(rollouts)} == {"running"}


def test_groups_are_made_tried_edited_and_deleted(house):
    assert house.json("group", "test", PRODUCT, 'device_id ~ "gw-*"', "--limit", "1") == {
        "total": 4,
        "devices": ["gw-1"],
    }
    assert house.run("group", "test", PRODUCT, "tag = x").stdout == "0 devices\n"
    assert house.json("group", "create", PRODUCT, "some", "device_id in (gw-1, gw-2)")["devices"] == 2
    assert house.json("group", "edit", PRODUCT, "some", "device_id = gw-1")["devices"] == 1
    assert [one["name"] for one in house.json("group", "list")["groups"]] == ["some"]
    assert house.json("group", "show", PRODUCT, "some")["total"] == 1
    house.run("group", "delete", PRODUCT, "some", "--yes")
    assert house.json("group", "list", "--product", PRODUCT)["groups"] == []


def test_a_query_that_cannot_be_read_is_one_sentence(house):
    refused = house.run("group", "create", PRODUCT, "bad", "tag = ", code=2)
    assert "column" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_releases_are_those_that_devices_would_believe(house):
    listed = house.json("release", "list")["releases"]
    assert [(one["product"], one["version"]) for one in listed] == [
        (PRODUCT, "1.1.0"),
        (PRODUCT, "1.0.0"),
    ]
    assert "CVE-2026-1234  high  Weak." in house.run("release", "show", PRODUCT, "1.1.0").stdout
    assert "not-found" in house.run("release", "show", PRODUCT, "9.9.9", code=1).stderr
    data = house.folder / "published" / "metadata" / "timestamp.json"
    data.write_bytes(data.read_bytes().replace(b'"version":1', b'"version":2'))
    house.run("release", "list", code=10)


def test_who_runs_something_with_a_weakness_is_told(house):
    with house.begin() as connection:
        connection.execute(update(devices).filter_by(device_id="gw-1").values(running_version="1.1.0"))
        version_counts.moved(connection, PRODUCT, "1.0.0", "1.1.0")
    found = house.json("device", "exposed", ADVISORY)
    assert (found["devices"], found["of"]) == (3, 4)
    assert (
        "3 of 4 devices run a version without the fix" in house.run("device", "exposed", ADVISORY).stdout
    )
    named = house.json("device", "exposed", ADVISORY, "--devices")["devices"]
    assert [one["device_id"] for one in named] == IDS[1:]
