"""What commands say to a person: plurals, whole summaries, and a report that finds no room."""

import errno
import json

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import ota_client.cli.main
import signing.cli
from ota_client.formats.counted import agreed, counted
from ota_server.cli import main
from ota_server.cli.console import Console

NOUNS = {"device": "devices", "entry": "entries", "day": "days", "weakness": "weaknesses"}


@given(st.integers(0, 10**6), st.sampled_from(sorted(NOUNS)))
def test_one_thing_is_one_and_all_else_are_many(number, noun):
    assert counted(number, noun) == f"{number} {noun if number == 1 else NOUNS[noun]}"
    assert agreed(number, "run") == ("runs" if number == 1 else "run")


def test_one_device_is_no_devices(house):
    house.run("group", "create", "gateway", "one", "device_id = gw-1")
    assert (
        "group one: 1 device;" in house.run("group", "edit", "gateway", "one", "device_id = gw-2").stdout
    )
    assert house.run("group", "test", "gateway", "device_id = gw-2").stdout.startswith("1 device\n")
    assert "1 of 1 operator\n" in house.run("user", "list").stderr
    assert "1 of 2 entries\n" in house.run("audit", "list", "--action", "group", "--limit", "1").stderr


def groups_of(command, path):
    if isinstance(command, click.Group):
        yield path, command
        for name, inner in command.commands.items():
            yield from groups_of(inner, [*path, name])


GROUPS = [
    (program, path)
    for program in (main, signing.cli.main, ota_client.cli.main.main)
    for path, _ in groups_of(program, [])
]


@pytest.mark.parametrize(("program", "path"), GROUPS)
def test_a_summary_is_a_whole_sentence(program, path):
    shown = CliRunner().invoke(program, [*path, "-h"])
    assert (shown.exit_code, "..." in shown.output.partition("Commands:")[2]) == (0, False)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_report_that_finds_no_room_is_told_in_one_sentence(house, monkeypatch, options):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Console, "show", full)
    said = house.run("user", "list", *options, code=1)
    assert said.stdout == ""
    assert said.stderr == (
        "ota-server: the report cannot be written: No space left on device [output]\n"
    )


def test_a_folder_of_somebody_else_is_named_in_one_sentence(house, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "/root/published")

    monkeypatch.setattr(Console, "show", refused)
    said = house.run("user", "list", code=2).stderr
    assert said == "ota-server: /root/published cannot be used: Permission denied [config]\n"


def test_a_database_of_somebody_else_says_whose_account_it_takes(house, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, _: not str(path).endswith(".db"))
    said = house.run("user", "list", code=1).stderr
    assert "fleet.db cannot be read: run this as the account that the server runs as" in said


def test_an_empty_variable_of_a_shell_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "expected a path, got ''" in CliRunner().invoke(main, ["init", ""]).stderr
    assert not list(tmp_path.iterdir())


def test_a_doctor_without_settings_says_that_there_is_nothing_to_examine(monkeypatch):
    monkeypatch.delenv("OTA_SERVER_CONFIG", raising=False)
    said = CliRunner().invoke(main, ["doctor", "--json"])
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, "config")


def test_a_rule_for_a_product_that_nobody_knows_is_asked_about(house):
    assert "is it the right name?" in house.run("product", "set", "gatway", "--needs-approval").stderr
    assert house.run("product", "set", "gateway", "--needs-approval").stderr == ""


def test_what_a_person_may_ask_of_a_rollout_is_a_command(house):
    house.run("group", "create", "gateway", "all", "product = gateway")
    later = ("--start-at", "2199-01-01T00:00:00Z")
    house.run("rollout", "create", "gateway", "r", "1.1.0", "--group", "all", "--wave", "rest", *later)
    refused = house.run("rollout", "pause", "gateway/r", code=1).stderr
    assert "from there: abort [conflict]" in refused
    house.run("rollout", "abort", "gateway/r", "--yes")
    refused = house.run("rollout", "pause", "gateway/r", code=1).stderr
    assert "nothing leads on from there" in refused


def test_a_grant_for_a_product_that_nobody_knows_is_asked_about(house):
    doubt = "gatway has no release and no device yet: is it the right name?"
    assert doubt in house.run("user", "invite", "ann", "--grant", "viewer:gatway").stderr
    assert doubt in house.run("user", "grant", "ann", "operator:gatway").stderr
    assert doubt in house.run("api-token", "issue", "ci", "--grant", "viewer:gatway").stderr
    assert "right name" not in house.run("user", "grant", "ann", "viewer:gateway").stderr
    assert "right name" not in house.run("user", "grant", "ann", "viewer").stderr


def test_a_rule_for_a_mistyped_product_can_be_taken_back(house):
    house.run("product", "set", "gatway", "--needs-approval")
    assert "gatway" in house.run("product", "list").stdout
    house.run("product", "set", "gatway", "--no-approval")
    assert "gatway" not in house.run("product", "list").stdout


def test_a_webhook_into_a_private_network_is_refused_at_once(house):
    for host in ("127.0.0.1", "[::1]", "169.254.169.254"):
        refused = house.run("webhook", "add", "hook", "--url", f"https://{host}/", code=2)
        assert "the host is within a private network" in refused.stderr


def test_init_takes_an_operator_s_name_only_where_it_makes_one(tmp_path):
    for flag in ("--files-only", "--renew"):
        refused = CliRunner().invoke(main, ["init", str(tmp_path / "s"), flag, "--operator", "ann"])
        assert (refused.exit_code, "expected --operator where a fleet is made" in refused.stderr) == (
            2,
            True,
        )
    assert not list(tmp_path.iterdir())


def test_who_renews_a_certificate_is_told_no_first_steps(tmp_path):
    CliRunner().invoke(main, ["init", str(tmp_path)], catch_exceptions=False)
    said = CliRunner().invoke(main, ["init", str(tmp_path), "--renew"]).stdout
    assert "a server that runs takes it with its next start" in said
    assert "next:" not in said
