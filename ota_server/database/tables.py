"""Every table of the database, by one import: migrations, backups and tests need them all."""

from ota_server.database import events_schema, operators_schema, schema, security_schema
from ota_server.database.metadata import metadata

__all__ = ("events_schema", "metadata", "operators_schema", "schema", "security_schema")
