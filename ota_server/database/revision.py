"""Which schema a database has, and whether this version can work with it."""

from typing import Final

from sqlalchemy import Connection, inspect, text

from ota_server.database.database import Database
from ota_server.errors import SchemaError

# the newest of migrations/; their numbers rise
HEAD: Final = "0002"


def revision_of(connection: Connection) -> str | None:
    """The schema's revision; None for a database without our tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found is not None else None


def check(database: Database) -> None:
    """Make sure that the schema is this version's.

    Raises:
        SchemaError: it is older or newer; the sentence says what to do.
        DatabaseUnavailableError: the database does not answer.
    """
    with database.read() as connection:
        found = revision_of(connection)
    if found is None:
        raise SchemaError("the database has no tables yet: run `ota-server migrate --config FILE`")
    if found < HEAD:
        raise SchemaError(
            f"the database's schema is {found}, expected {HEAD}: make a backup, then run "
            f"`ota-server migrate --config FILE`"
        )
    if found > HEAD:
        raise SchemaError(
            f"the database's schema is {found}, and this ota-server knows {HEAD} at most: install the "
            f"newer ota-server again, or restore a backup that this one made"
        )
