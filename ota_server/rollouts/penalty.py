"""The penalty box: a device that fails again and again is left alone for a while."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from ota_server.database.schema import devices


@dataclass(frozen=True, slots=True)
class FleetRules:
    """When a device goes into the penalty box, and for how long.

    Attributes:
        penalty_failures: this many failures
        penalty_within_s: within this time
        penalty_s: keep updates from it for so long.
    """

    penalty_failures: int = 3
    penalty_within_s: int = 86_400
    penalty_s: int = 86_400


def after_failure(
    failed_at: tuple[int, ...], rules: FleetRules, *, now: int
) -> tuple[tuple[int, ...], int | None]:
    """What to remember of a device's failures after another one; until when it is blocked, if so."""
    lately = tuple(at for at in (*failed_at, now) if at > now - rules.penalty_within_s)
    lately = lately[-rules.penalty_failures :]
    blocked = len(lately) >= rules.penalty_failures
    # out of the box it begins anew
    return ((), now + rules.penalty_s) if blocked else (lately, None)


def note_failure(connection: Connection, device_pk: int, rules: FleetRules, *, now: datetime) -> None:
    """Remember that an update failed or fell back; the caller has locked the device's row."""
    mine = select(devices.c.failed_at).filter_by(pk=device_pk)
    failed_at = tuple(json.loads(connection.execute(mine).scalar_one()))
    remembered, until = after_failure(failed_at, rules, now=int(now.timestamp()))
    values: dict[str, object] = {"failed_at": json.dumps(remembered)}
    if until is not None:
        values["penalty_until"] = until
    connection.execute(update(devices).filter_by(pk=device_pk).values(values))
