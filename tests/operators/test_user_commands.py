"""``ota-server user`` and ``api-token`` over a real folder."""

import json
import shutil
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from support.operator import Operator
from support.people import PASSWORD, SESSIONS, quick_passwords

from ota_server.cli import main
from ota_server.database.database import Database
from ota_server.database.operators_schema import audit_entries
from ota_server.operators import invitation


def init(folder, *args):
    result = CliRunner().invoke(main, ["init", str(folder), *args])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare") / "server"
    init(folder, "--host", "fleet.example")
    return folder


@pytest.fixture
def house(tmp_path, bare):
    shutil.copytree(bare, tmp_path / "server")
    return Operator(tmp_path / "server")


def audited(house):
    return [(row.actor_kind, row.action, row.target) for row in house.rows(audit_entries)]


def test_init_makes_the_first_operator_and_says_the_link_once(tmp_path):
    done = init(tmp_path, "--operator", "ada", "--json")
    report = json.loads(done.stdout)["operator"]
    assert report["operator"] == "ada"
    assert report["url"].startswith("https://localhost:8443/welcome?code=ratl_")
    house = Operator(tmp_path)
    (ada,) = house.json("user", "list")["operators"]
    assert (ada["status"], ada["grants"]) == ("invited", {"*": "admin"})
    assert audited(house) == [("machine", "operator.invite", "ada")]
    again = init(tmp_path, "--force", "--json")
    assert json.loads(again.stdout)["operator"] is None
    assert "welcome" not in again.output


def test_the_first_operator_chooses_a_password_by_the_link(tmp_path):
    code = json.loads(init(tmp_path, "--json").stdout)["operator"]["url"].partition("code=")[2]
    database = Database(f"sqlite:///{tmp_path}/fleet.db")
    invitation.accept(database, quick_passwords(), code, PASSWORD, rules=SESSIONS, now=datetime.now(UTC))
    database.close()
    assert Operator(tmp_path).json("user", "show", "admin")["status"] == "active"


def test_init_refuses_a_name_that_cannot_be_one_and_makes_nothing(tmp_path):
    done = CliRunner().invoke(main, ["init", str(tmp_path / "new"), "--operator", "Ada L"])
    assert done.exit_code == 2
    assert "name: expected 1 to 64" in done.stderr
    assert not (tmp_path / "new").exists()


def test_files_only_has_no_operators(tmp_path):
    done = init(tmp_path, "--files-only", "--json")
    assert json.loads(done.stdout)["operator"] is None
    assert not (tmp_path / "server-secret.key").exists()


def test_an_invitation_puts_the_link_alone_on_stdout(house):
    done = house.run("user", "invite", "mia", "--grant", "operator:cam", "--mail", "mia@example.com")
    assert done.stdout.startswith("https://fleet.example:8443/welcome?code=ratl_")
    assert len(done.stdout.splitlines()) == 1
    assert "for mia alone, once, until" in done.stderr
    again = house.json("user", "invite", "mia", "--again")
    assert again["name"] == "mia"
    assert again["url"] != done.stdout.strip()


def test_the_life_of_an_operator(house):
    house.run("user", "invite", "mia", "--grant", "operator:cam", "--grant", "viewer")
    assert "admin:gw" in house.run("user", "grant", "mia", "admin:gw").stdout
    assert house.json("user", "revoke-grant", "mia", "*")["grants"] == {"cam": "operator", "gw": "admin"}
    house.run("user", "link", "mia", "4711", "--issuer", "https://id.example")
    assert house.json("user", "disable", "mia")["status"] == "disabled"
    assert house.json("user", "enable", "mia")["status"] == "invited"
    assert house.json("user", "sign-out", "mia") == {"name": "mia", "sessions": 0}
    assert "subject       4711" in house.run("user", "show", "mia").stdout
    house.run("user", "remove", "mia", code=2)
    house.run("user", "remove", "mia", "--yes")
    assert [o["name"] for o in house.json("user", "list")["operators"]] == ["admin"]
    words = ["invite", "grant", "revoke-grant", "link", "disable", "enable", "sign-out", "remove"]
    assert audited(house)[1:] == [("machine", f"operator.{word}", "mia") for word in words]


def test_lists_come_in_pages(house):
    house.run("user", "invite", "mia", "--grant", "viewer")
    done = house.run("user", "list", "--limit", "1")
    assert "admin:*" in done.stdout
    assert "more: --after admin" in done.stderr
    assert "mia" in house.run("user", "list", "--after", "admin").stdout


def test_the_life_of_an_api_token(house):
    done = house.run("api-token", "issue", "ci", "--grant", "operator:cam", "--lifetime", "1d")
    assert done.stdout.startswith("rat_")
    assert len(done.stdout.splitlines()) == 1
    (token,) = house.json("api-token", "list")["tokens"]
    assert (token["name"], token["owner"], token["grants"]) == ("ci", None, {"cam": "operator"})
    assert done.stdout.strip() not in house.run("api-token", "list").output
    house.run("api-token", "withdraw", token["id"])
    assert house.json("api-token", "list")["total"] == 0


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        (["user", "invite", "mia"], 2, "--grant ROLE:PRODUCT"),
        (["user", "invite", "mia", "--grant", "root"], 2, "expected a role of viewer"),
        (["user", "invite", "admin", "--grant", "viewer"], 1, "'admin' already"),
        (["user", "invite", "admin", "--again", "--grant", "viewer"], 2, "--again alone"),
        (["user", "invite", "nobody", "--again"], 1, "[not-found]"),
        (["user", "invite", "mia", "--grant", "viewer", "--lifetime", "15d"], 2, "at most 14 days"),
        (["user", "show", "nobody"], 1, "[not-found]"),
        (["user", "link", "admin", "4711"], 2, "--issuer, or [oidc] issuer"),
        (["api-token", "issue", "ci"], 2, "--grant"),
        (["api-token", "withdraw", "7"], 1, "[not-found]"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(house, args, code, sentence):
    before = audited(house)
    assert sentence in house.run(*args, code=code).stderr
    assert audited(house) == before
