"""The operator API's own schema."""

from functools import lru_cache
from typing import Final

from ota_server.web import openapi
from ota_server.web.openapi import Api

DOCUMENT_NAME: Final = "openapi"
API: Final = Api(
    "Ratchet operator API",
    "What people do on the pages and with `ota-server`'s commands, for programs. Who asks is what the "
    "API token says; what belongs to a product that it does not see is not there (404). Answers may get "
    "further fields within this version.",
    {"token": {"type": "http", "scheme": "bearer", "description": "An API token: `rat_...`"}},
)


@lru_cache(1)
def document() -> bytes:
    """The schema as JSON."""
    # the table names this module's route
    from ota_server.web.api.table import ROUTES  # noqa: PLC0415 - as said above

    return openapi.document(API, ROUTES)
