"""Why devices failed in a rollout, grouped."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ota_server.database.schema import IS_BAD, devices, rollout_devices
from ota_server.rollouts.states import DeviceState


@dataclass(frozen=True, slots=True)
class FailureReason:
    """One reason.

    Attributes:
        state: failed or fell_back.
        code: of the error that the devices reported; empty if they gave none.
        devices: how many.
        example: the id of one of them.
    """

    state: DeviceState
    code: str
    devices: int
    example: str


def reasons(connection: Connection, rollout_id: int) -> tuple[FailureReason, ...]:
    """Why a rollout's devices failed or fell back, the most frequent first."""
    columns = (rollout_devices.c.state, rollout_devices.c.code)
    number, first = func.count().label("number"), func.min(rollout_devices.c.device_pk).label("first")
    counted = (
        select(*columns, number, first)
        .where(rollout_devices.c.rollout_id == rollout_id, IS_BAD)
        .group_by(*columns)
        .subquery()
    )
    wanted = select(counted, devices.c.device_id).join(devices, devices.c.pk == counted.c.first)
    wanted = wanted.order_by(counted.c.number.desc(), counted.c.code)
    return tuple(
        FailureReason(DeviceState(row.state), row.code, row.number, row.device_id)
        for row in connection.execute(wanted)
    )
