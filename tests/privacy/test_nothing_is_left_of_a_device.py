"""What was erased is in no file of the database, either (SQLite keeps a log, and free places)."""

from contextlib import closing

import pytest
from sqlalchemy import insert, select
from support.office import ALPHA, Office

from ota_server.database.database import Database
from ota_server.database.schema import devices, inventories
from ota_server.operations import devices as operations
from ota_server.privacy.retention import retain
from ota_server.settings.notifications import RetentionSettings

SECRET = "the-kitchen-of-number-seven"
DEVICE = f"{ALPHA}-1"


@pytest.fixture
def office(tmp_path):
    """One of its devices has told where it stands."""
    one = Office(tmp_path)
    with one.desk() as desk:
        pk = desk.connection.scalar(select(devices.c.pk).filter_by(device_id=DEVICE))
        said = {"device_pk": pk, "document": SECRET * 50, "updated_at": 1}
        desk.connection.execute(insert(inventories).values(said))
    yield one
    one.close()


def files_with_it(folder):
    return [path.name for path in folder.iterdir() if SECRET.encode() in path.read_bytes()]


def test_what_a_device_told_is_in_no_file_once_it_is_gone(office, tmp_path):
    """While the server runs: its open connections keep the log's file."""
    with office.desk() as desk:
        operations.decommission(desk, DEVICE)
    assert files_with_it(tmp_path) == ["office.db-wal"]
    retain(office.database, RetentionSettings(), now=office.now)
    assert files_with_it(tmp_path) == []


def test_free_places_of_the_file_are_written_over(office, tmp_path):
    office.database.tidy()
    assert files_with_it(tmp_path) == ["office.db"]
    with office.desk() as desk:
        operations.decommission(desk, DEVICE)
    office.database.tidy()
    assert files_with_it(tmp_path) == []
    with office.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1


def test_a_reader_is_not_disturbed_and_the_log_goes_another_time(office, tmp_path):
    with closing(Database(str(office.database.url))) as other, other.read() as connection:
        before = connection.scalar(select(devices.c.device_id).filter_by(device_id=DEVICE))
        with office.desk() as desk:
            operations.decommission(desk, DEVICE)
        office.database.tidy()
        assert before == connection.scalar(select(devices.c.device_id).filter_by(device_id=DEVICE))
    office.database.tidy()
    assert files_with_it(tmp_path) == []
