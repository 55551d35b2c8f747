"""The look-up for a database of either kind."""

from ota_server.checkin.lookup import CheckInLookup
from ota_server.database.database import Database


def lookup_for(database: Database) -> CheckInLookup:
    """Make the look-up; it is to be opened in the event loop."""
    if database.is_sqlite:
        from ota_server.checkin.sqlite import SqliteLookup  # noqa: PLC0415 - one of two drivers

        return SqliteLookup(database.url.database or "")
    from ota_server.checkin.postgresql import PostgresqlLookup  # noqa: PLC0415 - one of two drivers

    conninfo = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return PostgresqlLookup(conninfo)
