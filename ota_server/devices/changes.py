"""When something about a device changes, its groups are evaluated anew: for this one, and at once.

Nothing is evaluated at a check-in that says what the last one said.
"""

from datetime import datetime

from sqlalchemy import Connection, select, update

from ota_client.protocol import CheckIn
from ota_server.database.product_lock import share_product
from ota_server.database.schema import devices, groups
from ota_server.devices import membership, version_counts
from ota_server.devices.device_facts import facts_of
from ota_server.devices.group_query import DeviceFacts, parse
from ota_server.rollouts import joining

# a root's version is for people to look at; no query asks for it
_ASKED_FOR = ("running_version", "rollback_index", "phase")


def record_check_in(connection: Connection, device_pk: int, check_in: CheckIn, *, now: datetime) -> None:
    """Write down what a device says of itself, where it is not what is known.

    Args:
        connection: in a transaction that writes.
        device_pk: whom the connection's certificate identified.
        check_in: what it says.
        now: UTC.
    """
    said = {
        "running_version": str(check_in.running),
        "rollback_index": check_in.rollback_index,
        "phase": check_in.phase,
        "root_version": check_in.root_version,
    }
    columns = [devices.c[name] for name in ("product", *said)]
    known = connection.execute(
        select(*columns).where(devices.c.pk == device_pk).with_for_update(key_share=True)
    ).first()
    if known is None or all(getattr(known, name) == value for name, value in said.items()):
        return
    connection.execute(update(devices).where(devices.c.pk == device_pk).values(said))
    version_counts.moved(connection, known.product, known.running_version, str(check_in.running))
    if any(getattr(known, name) != said[name] for name in _ASKED_FOR):
        changed(connection, device_pk, now=now)


def changed(connection: Connection, device_pk: int, *, now: datetime) -> None:
    """Bring the groups of one device up to date, and tell the rollouts of those it joins or leaves.

    Args:
        connection: in a transaction that writes, after what changed was written.
        device_pk: of a device; one that was decommissioned meanwhile changes nothing.
        now: UTC.
    """
    # two changes of one device come one after the other, so the second sees both
    product = connection.scalar(
        select(devices.c.product).where(devices.c.pk == device_pk).with_for_update(key_share=True)
    )
    if product is None:
        return
    share_product(connection, product)
    facts = facts_of(connection, device_pk)
    wanted = _groups_for(connection, facts) if facts else set()
    current = membership.groups_of(connection, device_pk)
    # first all counters, then all rollouts: the order of locks
    for group_id in sorted(wanted ^ current):
        move = membership.enter if group_id in wanted else membership.leave
        move(connection, group_id, [device_pk])
    for group_id in sorted(wanted ^ current):
        tell = joining.joined if group_id in wanted else joining.left
        tell(connection, group_id, device_pk, now=now)


def _groups_for(connection: Connection, facts: DeviceFacts) -> set[int]:
    query = select(groups.c.id, groups.c.query).where(groups.c.product == facts.product)
    return {row.id for row in connection.execute(query) if parse(row.query).matches(facts)}
