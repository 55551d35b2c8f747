"""An owner's consent that reached a person and not the device: by telephone, say, or on paper."""

from typing import Final

from sqlalchemy import Connection, select, update

from ota_server.database.schema import devices, rollout_devices, rollouts
from ota_server.errors import ConflictError, NotFoundError
from ota_server.rollouts.ledger import open_ledger, read_plan
from ota_server.rollouts.states import OPEN_ROLLOUTS, DeviceState

_OPEN: Final = tuple(state.value for state in OPEN_ROLLOUTS)
_PENDING: Final = rollout_devices.c.state == DeviceState.PENDING.value


def consent(connection: Connection, rollout_id: int, device_id: str) -> None:
    """Remember that the owner of a device agrees; the device is given its place without a question.

    Args:
        connection: in a transaction that writes.
        rollout_id: of a rollout that asks owners.
        device_id: of one of its devices that waits.

    Raises:
        NotFoundError: there is no such rollout, or the device is not in it.
        ConflictError: the rollout is over or asks nobody, or the device does not wait any more.
    """
    # a claim takes them in this order too
    device = select(devices.c.pk).filter_by(device_id=device_id).with_for_update(key_share=True)
    device_pk = connection.scalar(device)
    ledger = open_ledger(connection, rollout_id)
    place = select(rollout_devices.c.id, rollout_devices.c.state)
    row = connection.execute(place.filter_by(rollout_id=rollout_id, device_pk=device_pk)).first()
    if device_pk is None or row is None:
        raise NotFoundError(f"expected the id of a device in the rollout, got {device_id[:80]!r}")
    if ledger.plan.forced:
        raise ConflictError("expected a rollout that asks owners, got one that asks nobody")
    if ledger.state not in OPEN_ROLLOUTS or row.state != DeviceState.PENDING:
        raise ConflictError(
            f"{device_id}: expected a device that waits in an open rollout, got one that is {row.state} "
            f"in a rollout that is {ledger.state}"
        )
    connection.execute(update(rollout_devices).filter_by(id=row.id).values(consented=True))


def awaited(connection: Connection, device_pk: int) -> tuple[int, ...]:
    """The rollouts that wait for the consent of a device's owner."""
    mine = (rollout_devices.c.device_pk == device_pk, _PENDING, ~rollout_devices.c.consented)
    wanted = select(rollouts.c.id, rollouts.c.plan).join(rollout_devices)
    rows = connection.execute(wanted.where(*mine, rollouts.c.state.in_(_OPEN)))
    return tuple(sorted(row.id for row in rows if not read_plan(row.plan).forced))
