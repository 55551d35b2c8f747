"""``ota-client doctor``: examines a device's set-up before it ships."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from ota_client.cli.group import json_option, report
from ota_client.cli.invocation import Invocation

if TYPE_CHECKING:
    from ota_client.doctor.examination import DeviceDiagnosis

_ERRORS_FOUND: Final = 1


@click.command()
@json_option
@click.option("--online", is_flag=True, help="Also ask each repository for a file.")
@click.option("--owasp", is_flag=True, help="Also list OWASP's ten items, and what is seen of each.")
@click.pass_obj
def doctor(invocation: Invocation, *, online: bool, owasp: bool) -> None:
    """Examine the set-up before the device ships; exit 1 if there are errors. Changes nothing."""
    from ota_client.doctor.examination import examine  # noqa: PLC0415 help must start fast
    from ota_client.doctor.finding import Severity  # noqa: PLC0415 help must start fast
    from ota_client.doctor.system import Setup  # noqa: PLC0415 help must start fast

    config = invocation.settings()
    setup = Setup(config, invocation.config, datetime.now(UTC), os.geteuid())
    diagnosis = examine(setup, online=online)
    lines = [*_text(diagnosis), *(_owasp(diagnosis) if owasp else ())]
    report("\n".join(lines), diagnosis.to_fields())
    if diagnosis.severity is Severity.ERROR:
        sys.exit(_ERRORS_FOUND)


def _text(diagnosis: "DeviceDiagnosis") -> Iterator[str]:
    for examined in diagnosis.subjects:
        yield f"{examined.subject}: {examined.severity.name.lower()}"
        for finding in sorted(examined.findings, key=lambda finding: -finding.severity):
            yield f"  {finding.severity.name.lower()}: {finding.what} [{finding.code}]"
            yield f"    -> {finding.way_out}"


def _owasp(diagnosis: "DeviceDiagnosis") -> Iterator[str]:
    from ota_client.doctor.owasp import ITEMS  # noqa: PLC0415 help must start fast

    yield "OWASP IoT Top 10:"
    made = {finding.code for finding in diagnosis.findings}
    for item in ITEMS:
        found = ", ".join(sorted(item.codes & made))
        yield f"  {item.number:2} {item.title}: {item.sight}{f' ({found})' if found else ''}"
        yield f"     {item.what}"
