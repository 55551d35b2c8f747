import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from support.postgresql import needs_postgresql, postgresql

from ota_server.database.database import Database
from ota_server.database.migrate import _scripts, pending, upgrade
from ota_server.database.revision import HEAD, check
from ota_server.database.tables import metadata
from ota_server.errors import SchemaError


@pytest.fixture
def empty(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    yield database
    database.close()


def differences(database):
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)


def statements(database):
    """Every table and index as SQLite keeps it; constraints in any order."""
    with database.read() as connection:
        found = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        return {
            frozenset(part.strip().strip(",") for part in sql.splitlines())
            for sql in found
            if "alembic_version" not in sql
        }


def test_the_migrations_make_what_the_schema_says(empty, tmp_path):
    upgrade(empty)
    assert differences(empty) == []
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    with other.begin() as connection:
        metadata.create_all(connection)
    assert statements(empty) == statements(other)
    other.close()


@pytest.mark.system
@needs_postgresql
def test_the_migrations_make_what_the_schema_says_on_postgresql():
    with postgresql() as cluster:
        database = Database(cluster.database())
        assert [step.revision for step in upgrade(database)] == ["0001", "0002"]
        assert differences(database) == []
        check(database)
        database.close()


def test_a_migrated_database_is_taken_and_migrated_no_more(empty):
    assert [step.revision for step in pending(empty)] == ["0001", "0002"]
    upgrade(empty)
    check(empty)
    assert pending(empty) == upgrade(empty) == ()


def test_an_empty_database_is_refused_with_what_to_do(empty):
    with pytest.raises(SchemaError, match="no tables yet: run `ota-server migrate"):
        check(empty)


@pytest.mark.parametrize(
    ("revision", "message"),
    [("0000", "run `ota-server migrate"), ("9999", "install the newer ota-server")],
)
def test_another_schema_is_refused_with_what_to_do(empty, revision, message):
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))  # noqa: S608
    with pytest.raises(SchemaError, match=message):
        check(empty)


def test_a_newer_database_is_not_touched(empty):
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for step in (pending, upgrade):
        with pytest.raises(SchemaError, match="newer than"):
            step(empty)


def test_a_migration_that_fails_leaves_nothing(empty):
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE rollouts (id INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        upgrade(empty)
    with empty.read() as connection:
        names = set(
            connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars()
        )
    assert names == {"rollouts"}


def test_the_head_is_the_newest_step():
    assert _scripts().get_heads() == [HEAD]
