"""B13: nobody can know how to get in, but who ran `init` and reads what it printed."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import inspect, text
from support.people import PASSWORD, quick_passwords

import ota_server
from ota_server.cli import main
from ota_server.database.database import Database
from ota_server.errors import SignInError
from ota_server.operators.sign_in import SignInRules, sign_in
from ota_server.settings import OperatorSettings

GUESSES = ["", "admin", "password", "ratchet", "changeme", "ota-server", "default", PASSWORD]
# the shortest run of characters that is taken for a secret: 128 bits in base64 or hexadecimal
LONG = re.compile(rb"[A-Za-z0-9+/_-]{22,}")


def init(folder):
    done = CliRunner().invoke(main, ["init", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["operator"]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two servers, made alike, and the link of each."""
    folders = [tmp_path_factory.mktemp(name) / "server" for name in ("one", "other")]
    return [(folder, init(folder)) for folder in folders]


def tables(folder):
    """Every row of every table."""
    database = Database(f"sqlite:///{folder}/fleet.db")
    with database.read() as connection:
        names = inspect(connection).get_table_names()
        found = {
            name: [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))]  # noqa: S608
            for name in names
        }
    database.close()
    return {name: rows for name, rows in found.items() if rows}


def rows_of(folder):
    """All but the audit log: what was done in the same second has the same hash, and it is no secret."""
    found = tables(folder)
    del found["audit_entries"]
    return str(found).encode()


def test_b13_a_new_server_knows_one_operator_without_a_password_and_no_token(two):
    folder, _ = two[0]
    assert set(tables(folder)) <= {
        "alembic_version",
        "sqlite_sequence",
        "operators",
        "operator_grants",
        "invitations",
        "audit_entries",
    }
    (row,) = tables(folder)["operators"]
    assert "argon2" not in str(row)


@pytest.mark.parametrize("name", ["admin", "root", "operator", "ratchet"])
def test_b13_no_password_opens_it(two, name):
    database = Database(f"sqlite:///{two[0][0]}/fleet.db")
    rules = SignInRules.of(OperatorSettings())
    for guess in GUESSES:
        with pytest.raises(SignInError):
            sign_in(database, quick_passwords(), name, guess, rules=rules, now=datetime.now(UTC))
    database.close()


def test_b13_the_link_is_in_no_file(two):
    for folder, link in two:
        code = link["url"].partition("code=")[2]
        assert len(code) > 40
        files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert not any(code.encode() in data for data in files)


def test_b13_two_servers_share_no_secret(two):
    """No long run of characters of a key, or of a row, is in both folders."""
    (one, link), (other, other_link) = two
    for name in ("server-secret.key", "ca.key", "server.key", "device-ca.key"):
        mine = set(LONG.findall((one / name).read_bytes()))
        assert mine
        assert not mine & set(LONG.findall((other / name).read_bytes())), name
    mine, theirs = (set(LONG.findall(rows_of(folder))) for folder in (one, other))
    assert mine
    assert not mine & theirs
    assert link["url"] != other_link["url"]


def test_b13_files_with_secrets_are_for_their_owner_alone(two):
    folder, _ = two[0]
    private = {path.name for path in folder.iterdir() if path.stat().st_mode & 0o077 == 0}
    assert private >= {"server-secret.key", "ca.key", "server.key", "device-ca.key", "fleet.db"}


def test_b13_the_source_has_no_key_and_no_hash_in_it():
    kept = re.compile(
        rb"\$argon2|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]|\brat[a-z]?_[A-Za-z0-9_-]{43}"
    )
    for path in Path(ota_server.__file__).parent.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert not kept.search(path.read_bytes()), path
