import io
import json
import stat
import tarfile
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select
from support.people import NOW as PEOPLE_NOW
from support.people import SESSIONS, enter, invited, member
from support.postgresql import needs_postgresql, postgresql

from ota_server.backup import restore
from ota_server.backup.make import make_backup
from ota_server.database.database import Database
from ota_server.database.migrate import upgrade
from ota_server.database.schema import (
    device_events,
    devices,
    groups,
    metadata,
    rollout_devices,
    rollouts,
)
from ota_server.errors import BackupError, ConflictError, NotFoundError, UnauthenticatedError
from ota_server.operators import invitation, session

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def opened(url):
    database = Database(url)
    upgrade(database)
    return database


def fill(database, count=3):
    device = {
        "product": "cam",
        "hardware_id": "cam-v2",
        "status": "active",
        "created_at": 1,
        "certificate_expires_at": 2**40,
        "tags": '["größe"]',
    }
    rows = [
        {**device, "pk": n, "device_id": f"cam-{n}", "key_sha256": f"{n:064x}"} for n in range(1, count)
    ]
    rollout = {
        "product": "cam",
        "name": "r",
        "version": "1.0.0",
        "group_id": 7,
        "state": "running",
        "plan": "{}",
        "salt": "s",
        "max_in_flight": 1,
        "created_at": 1,
        "starts_at": 1,
        "changed_at": 1,
    }
    with database.begin() as connection:
        connection.execute(insert(devices), rows)
        group = {"id": 7, "product": "cam", "name": "all", "query": "tag = a", "created_at": 1}
        connection.execute(insert(groups).values(group))
        connection.execute(insert(rollouts).values(id=5, **rollout))
        one = {
            "rollout_id": 5,
            "device_pk": 1,
            "wave": 1,
            "state": "pending",
            "consented": True,
            "changed_at": 1,
        }
        connection.execute(insert(rollout_devices).values(one))
        events = [{"device_pk": 1, "at": n, "kind": "enrolled"} for n in range(2500)]
        connection.execute(insert(device_events), events)


def contents(database):
    with database.read() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
        }


@pytest.fixture
def authority(tmp_path):
    certificate, key = tmp_path / "device-ca.pem", tmp_path / "device-ca.key"
    certificate.write_bytes(b"certificate")
    key.write_bytes(b"key")
    return certificate, key


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A fleet's file: a copy costs less than the migrations."""
    file = tmp_path_factory.mktemp("filled") / "fleet.db"
    database = opened(f"sqlite:///{file}")
    fill(database)
    database.close()
    return file.read_bytes()


@pytest.fixture
def source(tmp_path, filled):
    (tmp_path / "fleet.db").write_bytes(filled)
    database = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    yield database
    database.close()


@pytest.fixture
def target(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    yield database
    database.close()


@pytest.fixture
def backup(source, authority, tmp_path):
    make_backup(source, tmp_path / "backup.tar", authority=authority, now=NOW)
    return tmp_path / "backup.tar"


def restored(path, database, **options):
    return restore.restore_database(database, path, restore.read_manifest(path), **options)


def test_what_was_backed_up_is_restored_and_the_database_goes_on(backup, source, target):
    seen = []
    restored(backup, target, progress=lambda done, total: seen.append((done, total)))
    assert contents(target) == contents(source)
    assert seen[-1][0] == seen[-1][1] == 2505
    fill_more = {"device_pk": 1, "at": 1, "kind": "renewed"}
    with target.begin() as connection:
        connection.execute(insert(device_events).values(fill_more))


def test_sessions_and_one_time_links_of_a_backup_open_nothing(source, target, authority, tmp_path):
    token = member(source, "mia", "admin")
    code = invited(source, "ole", "admin")
    make_backup(source, tmp_path / "people.tar", authority=authority, now=NOW)
    assert restored(tmp_path / "people.tar", target) == restore.Ended(sessions=1, links=1)
    with target.read() as connection:
        with pytest.raises(UnauthenticatedError):
            session.find(connection, token, PEOPLE_NOW, rules=SESSIONS)
        with pytest.raises(NotFoundError):
            invitation.find(connection, code, PEOPLE_NOW)
    assert enter(target, "mia")


def test_a_backup_is_for_its_owner_alone_and_holds_the_authority(backup):
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert restore.read_authority(backup) == (b"certificate", b"key")


def test_a_backup_replaces_nothing_without_force(backup, source, authority):
    before = backup.read_bytes()
    with pytest.raises(BackupError, match="--force"):
        make_backup(source, backup, authority=authority, now=NOW)
    assert backup.read_bytes() == before
    make_backup(source, backup, authority=authority, now=NOW, force=True)


def test_a_backup_that_cannot_be_written_leaves_nothing(source, authority, tmp_path):
    with pytest.raises(BackupError, match="cannot be written: No such file"):
        make_backup(source, tmp_path / "none" / "backup.tar", authority=authority, now=NOW)
    (tmp_path / "device-ca.key").unlink()
    with pytest.raises(BackupError, match=r"device-ca\.key cannot be read"):
        make_backup(source, tmp_path / "backup.tar", authority=authority, now=NOW)
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []


def test_a_database_that_holds_something_is_not_overwritten_without_force(backup, source):
    before = contents(source)
    with pytest.raises(ConflictError, match="--force"):
        restored(backup, source)
    assert contents(source) == before
    with source.begin() as connection:
        connection.execute(devices.update().values(product="other"))
    restored(backup, source, force=True)
    assert contents(source) == before


def test_every_flipped_or_missing_byte_is_found_before_anything_is_written(backup, target, tmp_path):
    data = backup.read_bytes()
    with tarfile.open(backup) as tar:
        places = [info.offset_data for info in tar if info.size] + [len(data) // 2]
    damaged = tmp_path / "damaged.tar"
    for place in places:
        damaged.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(BackupError):
            restored(damaged, target)
    for length in (0, 100, 512, len(data) // 2, len(data) - 11_000):
        damaged.write_bytes(data[:length])
        with pytest.raises(BackupError):
            restored(damaged, target)
    with target.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master").all() == []


def test_a_backup_that_changes_after_it_was_verified_restores_nothing(backup, target):
    manifest = restore.read_manifest(backup)
    backup.write_bytes(backup.read_bytes().replace(b"cam-v2", b"cam-v3", 1))
    with pytest.raises(BackupError, match="changed while it was read"):
        restore.restore_database(target, backup, manifest)
    with target.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master").all() == []


def repacked(backup, path, change):
    """The same backup with other members, its list mended to fit."""
    with tarfile.open(backup) as old, tarfile.open(path, "w") as new:
        for info in old:
            data = change(info, old.extractfile(info).read())
            if data is not None:
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("format", 2, "newer ota-server"), ("schema", "9999", "knows 0002 at most")],
)
def test_a_newer_backup_is_refused(backup, tmp_path, field, value, message):
    from ota_client.formats.strict import canonical_json

    def change(info, data):
        return (
            canonical_json({**json.loads(data), field: value}) if info.name == "manifest.json" else data
        )

    with pytest.raises(BackupError, match=message):
        restore.read_manifest(repacked(backup, tmp_path / "newer.tar", change))


def test_links_and_files_that_are_not_named_are_refused(backup, tmp_path):
    planted = tmp_path / "planted.tar"
    planted.write_bytes(backup.read_bytes())
    with tarfile.open(planted, "a") as tar:
        tar.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
    with pytest.raises(BackupError, match="evil"):
        restore.read_manifest(planted)
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(planted, "w") as tar:
        tar.addfile(link)
    with pytest.raises(BackupError, match="plain files"):
        restore.read_manifest(planted)


@pytest.mark.system
@needs_postgresql
def test_a_fleet_moves_from_sqlite_to_postgresql_and_back(source, target, authority, tmp_path):
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    with postgresql() as cluster:
        other = Database(cluster.database())
        make_backup(source, first, authority=authority, now=NOW)
        restored(first, other)
        assert contents(other) == contents(source)
        with other.begin() as connection:
            # numbers go on behind the restored ones
            added = connection.execute(insert(device_events).values(device_pk=1, at=1, kind="renewed"))
            assert added.inserted_primary_key == (2501,)
        make_backup(other, second, authority=authority, now=NOW)
        restored(second, target)
        assert contents(target) == contents(other)
        other.close()
