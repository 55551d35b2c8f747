"""Brings a database to this version's schema, one step after the other, all or none (Alembic)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ota_server.database.database import Database
from ota_server.database.revision import HEAD, revision_of
from ota_server.errors import SchemaError

_FOLDER: Final = Path(__file__).parent / "migrations"
# any number, the same in all processes: one migrates, the others wait
_LOCK: Final = 7_265_832


@dataclass(frozen=True, slots=True)
class Step:
    """One migration."""

    revision: str
    summary: str


def upgrade(database: Database, to: str = HEAD) -> tuple[Step, ...]:
    """Run the steps that are missing, in one transaction.

    Returns:
        the steps that were run.

    Raises:
        SchemaError: the database is newer than this version.
        DatabaseUnavailableError: it does not answer, or its disk is full.
    """
    with database.begin() as connection:
        return upgrade_in(connection, to)


def upgrade_in(connection: Connection, to: str = HEAD) -> tuple[Step, ...]:
    """As ``upgrade``, within the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    scripts = _scripts()
    steps = _missing(connection, to)
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for step in steps:
            scripts.get_revision(step.revision).module.upgrade()
    context.stamp(scripts, to)
    return steps


def pending(database: Database) -> tuple[Step, ...]:
    """The steps that ``upgrade`` would run."""
    with database.read() as connection:
        return _missing(connection, HEAD)


def every_step(to: str = HEAD) -> tuple[Step, ...]:
    """The steps that make a database from nothing."""
    scripts = _scripts().walk_revisions("base", to)
    return tuple(reversed([Step(one.revision, one.doc) for one in scripts]))


def _missing(connection: Connection, to: str) -> tuple[Step, ...]:
    found = revision_of(connection)
    if found is not None and found > HEAD:
        raise SchemaError(f"the database's schema is {found}, newer than {HEAD}: install that version")
    return tuple(step for step in every_step(to) if found is None or step.revision > found)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(_FOLDER, version_locations=[str(_FOLDER)])
