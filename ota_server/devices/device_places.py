"""Where a device takes part: its groups and its rollouts."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from ota_client.formats.version import Version
from ota_server.database.schema import group_members, groups, rollout_devices, rollouts

_ROLLOUTS_MOST = 50


@dataclass(frozen=True, slots=True)
class DevicePlace:
    """A device's place in a rollout.

    Attributes:
        version: that the rollout brings.
        state: of the device in it (``ota_server.rollouts.states.DeviceState``).
        rollout_state: of the whole.
        attempts: how often the device was given the release.
        code: of the error that it reported last, or of the server's reason not to offer it.
    """

    rollout_id: int
    rollout: str
    rollout_state: str
    version: Version
    wave: int
    state: str
    attempts: int
    code: str
    changed_at: datetime


def group_names(connection: Connection, device_pk: int) -> tuple[str, ...]:
    """The names of the groups that a device is in."""
    mine = select(groups.c.name).join(group_members, group_members.c.group_id == groups.c.id)
    mine = mine.where(group_members.c.device_pk == device_pk).order_by(groups.c.name)
    return tuple(connection.scalars(mine))


def places(connection: Connection, device_pk: int, product: str) -> tuple[DevicePlace, ...]:
    """A device's places in the newest rollouts of its product, the newest first."""
    # asked for by the one index that has all places; there is none by device
    newest = select(rollouts.c.id).where(rollouts.c.product == product)
    newest = newest.order_by(rollouts.c.id.desc()).limit(_ROLLOUTS_MOST)
    columns = (
        rollouts.c.name,
        rollouts.c.state.label("rollout_state"),
        rollouts.c.version.label("brings"),
    )
    mine = select(rollout_devices, *columns).join(
        rollouts, rollouts.c.id == rollout_devices.c.rollout_id
    )
    mine = mine.where(rollout_devices.c.device_pk == device_pk, rollout_devices.c.rollout_id.in_(newest))
    mine = mine.order_by(rollout_devices.c.rollout_id.desc())
    return tuple(
        DevicePlace(
            rollout_id=row.rollout_id,
            rollout=row.name,
            rollout_state=row.rollout_state,
            version=Version.parse(row.brings),
            wave=row.wave,
            state=row.state,
            attempts=row.attempts,
            code=row.code,
            changed_at=datetime.fromtimestamp(row.changed_at, UTC),
        )
        for row in connection.execute(mine)
    )
