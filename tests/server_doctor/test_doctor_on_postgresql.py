"""What only a real PostgreSQL shows: its settings, and retention beside a transaction of another."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text
from support.postgresql import needs_postgresql, postgresql

from ota_server.database.database import Database
from ota_server.database.events_schema import events
from ota_server.database.migrate import upgrade
from ota_server.doctor.data import _examine_postgresql
from ota_server.doctor.finding import Code
from ota_server.privacy.retention import due, retain
from ota_server.settings.notifications import RetentionSettings

pytestmark = [pytest.mark.system, needs_postgresql]
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def database():
    with postgresql() as cluster:
        database = Database(cluster.database())
        upgrade(database)
        yield database
        database.close()


def codes(database, url="postgresql:///fleet"):
    with database.read() as connection:
        return {finding.code for finding in _examine_postgresql(connection, url)}


def test_settings_that_lose_what_was_acknowledged_are_found(database):
    assert {Code.POSTGRESQL_FSYNC, Code.POSTGRESQL_COMMIT} == codes(database)


def test_a_connection_to_elsewhere_without_tls_is_found(database):
    assert Code.POSTGRESQL_PLAIN in codes(database, "postgresql://db.example.com/fleet")


def test_retention_passes_by_what_another_holds(database):
    old = int((NOW - timedelta(days=500)).timestamp())
    row = {"at": old, "kind": "device.silent", "version": 1, "document": "{}"}
    with database.begin() as connection:
        connection.execute(insert(events), [{"id": n, **row} for n in range(1, 12)])
        assert due(connection, RetentionSettings(), NOW)["events"] == 10
    with database.begin() as other:
        other.execute(select(events.c.id).filter_by(id=3).with_for_update())
        assert retain(database, RetentionSettings(), now=NOW)["events"] == 9
    assert retain(database, RetentionSettings(), now=NOW)["events"] == 1
    with database.read() as connection:
        assert connection.scalars(select(events.c.id)).all() == [11]
        assert connection.scalar(text("SHOW fsync")) == "off"
