import json

from click.testing import CliRunner
from sqlalchemy import update

from ota_server.cli import main
from ota_server.database.schema import devices


def test_a_fleet_is_backed_up_and_restored(house, rollout, tmp_path):
    before = house.json("device", "list")
    written = house.json("backup", tmp_path / "backup.tar")
    assert written["schema"] == "0002"
    house.run("device", "decommission", "gw-1", "--yes")
    (house.folder / "device-ca.key").unlink()
    assert "conflict" in house.run("restore", tmp_path / "backup.tar", code=1).stderr
    assert not (house.folder / "device-ca.key").exists()
    house.run("restore", tmp_path / "backup.tar", "--force", code=2)
    done = house.run("restore", tmp_path / "backup.tar", "--force", "--yes", "--progress")
    assert "restore: 100 %" in done.stderr
    assert house.json("device", "list") == before
    assert (house.folder / "device-ca.key").stat().st_mode & 0o777 == 0o600


def test_another_authority_is_not_overwritten_by_a_restore(house, tmp_path):
    house.run("backup", tmp_path / "backup.tar")
    (house.folder / "fleet.db").unlink()
    (house.folder / "device-ca.pem").write_text("another")
    assert "another device authority" in house.run("restore", tmp_path / "backup.tar", code=2).stderr
    assert not (house.folder / "fleet.db").exists()


def test_a_database_of_no_schema_is_migrated_by_command(house):
    (house.folder / "fleet.db").unlink()
    assert "would run 0001: The fleet's first tables." in house.run("migrate", "--dry-run").stdout
    assert not (house.folder / "fleet.db").exists()
    assert house.json("migrate")["steps"] == [
        {"revision": "0001", "summary": "The fleet's first tables."},
        {"revision": "0002", "summary": "Operators, events and what is known of releases."},
    ]
    assert house.run("migrate").stdout == "nothing to do: the schema is 0002\n"
    assert house.json("device", "list")["devices"] == []
    assert (house.folder / "fleet.db").stat().st_mode & 0o777 == 0o600


def test_looking_at_a_database_that_is_not_there_makes_none(house):
    (house.folder / "fleet.db").unlink()
    assert "fleet.db is not there: run `ota-server migrate" in house.run("device", "list", code=2).stderr
    assert not (house.folder / "fleet.db").exists()


def test_without_a_fleet_the_sentence_says_what_to_do(tmp_path):
    for args in ([], ["--config", str(tmp_path / "none.toml")]):
        result = CliRunner().invoke(main, ["device", "list", "--json", *args])
        assert result.exit_code == 2
        assert json.loads(result.stdout)["error"]["code"] == "config"
    assert "cannot be read" in result.stderr


def test_a_misspelt_setting_does_not_pass_for_no_fleet(house):
    settings = house.folder / "ota-server.toml"
    settings.write_text(settings.read_text().replace("database =", "databas ="))
    assert "got 'databas'" in house.run("device", "list", code=2).stderr


def test_foreign_text_does_not_steer_the_terminal(house):
    with house.begin() as connection:
        connection.execute(update(devices).values(hardware_id="\x1b[2J"))
    assert "\x1b" not in house.run("device", "list").stdout
