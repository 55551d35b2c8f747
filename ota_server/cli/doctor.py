"""``ota-server doctor``: examines how a server is set up, and the running one."""

import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from ota_client.errors import ConfigError
from ota_server.cli.console import Console
from ota_server.cli.group import config_option, json_option
from ota_server.settings import read_unchecked

if TYPE_CHECKING:
    from ota_client.doctor.diagnosis import Diagnosis
    from ota_server.catalog import Catalog
    from ota_server.settings import ServerSettings

_ERRORS_FOUND: Final = 1
_IN_PATH: Final = re.compile(r"\{[^}]*\}")


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask the running server nothing.")
@config_option
@json_option
@click.pass_obj
def doctor_command(console: Console, *, offline: bool) -> None:
    """Examine the settings, files, database and the running server; exit 1 if there are errors.

    It changes nothing. Run it as the server's own account.
    """
    from ota_client.doctor.finding import Severity  # noqa: PLC0415 - help must start fast
    from ota_server.doctor.examination import examine, opened_setup  # noqa: PLC0415 - as above
    from ota_server.doctor.probe import NetworkProbe  # noqa: PLC0415 - as above

    settings = read_unchecked(os.environ, console.config)
    if not (settings.fleet or settings.published or settings.bucket):
        raise ConfigError(
            "expected --config FILE (or OTA_SERVER_CONFIG) whose settings say what is served, got none; "
            "without it there is nothing to examine"
        )
    probe = None if offline else NetworkProbe.of(settings)
    outside = None if offline else NetworkProbe.outside(settings)
    catalog = _catalog(console, settings)
    routes = _routes() if probe else ()
    opened = opened_setup(settings, console.config, catalog, probe, routes, console.now, outside=outside)
    with opened as setup:
        diagnosis = examine(setup)
    console.show("\n".join(_text(diagnosis)), diagnosis)
    if diagnosis.severity is Severity.ERROR:
        sys.exit(_ERRORS_FOUND)


def _routes() -> tuple[tuple[str, str], ...]:
    """Every door that asks who comes, with something in place of the names in its path."""
    from ota_server.web.api.table import ROUTES as OPERATOR_ROUTES  # noqa: PLC0415 - as above
    from ota_server.web.device_routes import ROUTES as DEVICE_ROUTES  # noqa: PLC0415 - as above
    from ota_server.web.pages.table import PAGES  # noqa: PLC0415 - as above

    devices = [(route.method, route.path) for route in DEVICE_ROUTES if route.of_devices]
    people = [(route.method, route.path) for route in OPERATOR_ROUTES if route.role is not None]
    pages = [(page.method, page.path) for page in PAGES]
    uploads = [("POST", "/api/v1/uploads")]
    found = (*devices, *people, *uploads, *pages)
    return tuple((method, _IN_PATH.sub("1", path)) for method, path in found)


def _catalog(console: Console, settings: "ServerSettings") -> "Catalog | None":
    if settings.fleet is None or (settings.published is None and settings.bucket is None):
        return None
    return console.catalog()


def _text(diagnosis: "Diagnosis") -> Iterator[str]:
    for examined in diagnosis.subjects:
        yield f"{examined.subject}: {examined.severity.name.lower()}"
        for finding in sorted(examined.findings, key=lambda finding: -finding.severity):
            yield f"  {finding.severity.name.lower()}: {finding.what} [{finding.code}]"
            yield f"    -> {finding.way_out}"
