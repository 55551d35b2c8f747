"""Groups of devices: a product's devices that a query matches (docs/reference/group-queries.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from ota_client.formats.strict import NAME_RULE, format_time, is_name
from ota_server.database.product_lock import hold_product
from ota_server.database.schema import devices, group_members, groups, rollouts
from ota_server.database.scope import Products, within
from ota_server.devices import membership
from ota_server.devices.device import Device
from ota_server.devices.device_facts import matching
from ota_server.devices.device_list import DeviceFilter
from ota_server.devices.device_list import listed as listed_devices
from ota_server.devices.group_query import Query, parse
from ota_server.errors import ConflictError, InvalidError, NotFoundError
from ota_server.page import Page, check_limit
from ota_server.rollouts import joining


@dataclass(frozen=True, slots=True)
class Group:
    """One group.

    Attributes:
        name: unique within the product.
        query: in its canonical form.
        devices: how many are in it.
    """

    id: int
    product: str
    name: str
    query: str
    created_at: datetime
    devices: int

    def to_fields(self) -> dict[str, object]:
        """The group as JSON fields (docs/reference/ota-server.md)."""
        return {
            "product": self.product,
            "name": self.name,
            "query": self.query,
            "created_at": format_time(self.created_at),
            "devices": self.devices,
        }


@dataclass(frozen=True, slots=True)
class Matches:
    """Whom a query would match.

    Attributes:
        total: how many devices.
        first: the ids of the first of them.
    """

    total: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What another query would do to a group.

    Attributes:
        query: the other one, in its canonical form.
        matches: who would be in the group.
        joining: who of them is not in it now.
        leaving: who is in it now, and would not be.
    """

    query: str
    matches: Matches
    joining: Matches
    leaving: Matches


def create(connection: Connection, *, product: str, name: str, query: str, now: datetime) -> Group:
    """Make a group, and look at every device of the product, this once.

    Args:
        connection: in a transaction that writes.
        product: whose devices.
        name: a new one within the product.
        query: in the language of ``group_query``.
        now: UTC.

    Raises:
        InvalidError: the product, the name or the query is none.
        ConflictError: the product has a group of this name.
    """
    _check_names(product=product, name=name)
    parsed = parse(query)
    hold_product(connection, product)
    row = {"product": product, "name": name, "query": str(parsed), "created_at": int(now.timestamp())}
    try:
        group_id = connection.execute(insert(groups).values(row).returning(groups.c.id)).scalar_one()
    except IntegrityError as e:
        raise ConflictError(
            f"product {product}: expected a new name for the group, got {name}; change its query with "
            "`ota-server group edit`"
        ) from e
    membership.enter(connection, group_id, _matching(connection, product, parsed))
    return find(connection, product, name)


def edit(connection: Connection, *, product: str, name: str, query: str, now: datetime) -> Group:
    """Give a group another query, and look at every device of the product again.

    Devices that come in or fall out join or leave the group's open rollouts.

    Raises:
        InvalidError: the query is none.
        NotFoundError: the product has no such group.
    """
    parsed = parse(query)
    hold_product(connection, product)
    group = find(connection, product, name)
    current = membership.members_of(connection, group.id)
    wanted = set(_matching(connection, product, parsed))
    entering, leaving = sorted(wanted - current), sorted(current - wanted)
    membership.enter(connection, group.id, entering)
    membership.leave(connection, group.id, leaving)
    connection.execute(update(groups).where(groups.c.id == group.id).values(query=str(parsed)))
    if _has_rollouts(connection, group.id):
        joining.all_joined(connection, group.id, entering, now=now)
        joining.all_left(connection, group.id, leaving, now=now)
    return find(connection, product, name)


def remove(connection: Connection, *, product: str, name: str) -> None:
    """Delete a group; its devices stay.

    Raises:
        NotFoundError: the product has no such group.
        ConflictError: a rollout names it.
    """
    # nobody makes a rollout for it, or puts a device into it, meanwhile
    hold_product(connection, product)
    group = find(connection, product, name)
    if _has_rollouts(connection, group.id):
        raise ConflictError(
            f"group {name}: expected one that no rollout was made for, got one with rollouts, which the "
            "records name; edit its query instead"
        )
    connection.execute(delete(groups).where(groups.c.id == group.id))


def find(connection: Connection, product: str, name: str) -> Group:
    """Look a group up.

    Raises:
        NotFoundError: the product has no such group.
    """
    row = None
    if is_name(product) and is_name(name):
        row = connection.execute(select(groups).filter_by(product=product, name=name)).first()
    if row is None:
        raise NotFoundError(
            f"expected a group of product {product[:80]}, got {name[:80]!r}; `ota-server group list` "
            "has them"
        )
    return _group(row)


def listed(
    connection: Connection, *, products: Products, product: str | None = None
) -> tuple[Group, ...]:
    """The groups of these products (B10), or of this one, by product and name."""
    query = select(groups).order_by(groups.c.product, groups.c.name)
    query = query.where(within(groups.c.product, products))
    if product is not None:
        query = query.where(groups.c.product == product)
    return tuple(map(_group, connection.execute(query)))


def members(
    connection: Connection, *, product: str, name: str, after: str | None = None, limit: int = 100
) -> Page[Device]:
    """A page of the devices in a group, in the order of their ids.

    Raises:
        NotFoundError: the product has no such group.
        InvalidError: the limit or the cursor cannot be one.
    """
    find(connection, product, name)
    wanted = DeviceFilter(product=product, group=name)
    return listed_devices(connection, wanted, products=None, after=after, limit=limit)


def preview(connection: Connection, *, product: str, query: str, limit: int = 20) -> Matches:
    """Look at every device of a product, and say whom a query would match; nothing changes.

    Raises:
        InvalidError: the product, the query or the limit is none.
    """
    check_limit(limit)
    _check_names(product=product)
    return _first([device_id for _, device_id in matching(connection, product, parse(query))], limit)


def preview_edit(
    connection: Connection, *, product: str, name: str, query: str, limit: int = 20
) -> Change:
    """Say what ``edit`` would do; nothing changes.

    Raises:
        InvalidError: the query or the limit is none.
        NotFoundError: the product has no such group.
    """
    check_limit(limit)
    parsed = parse(query)
    group = find(connection, product, name)
    wanted = [device_id for _, device_id in matching(connection, product, parsed)]
    mine = select(devices.c.device_id).join(group_members, group_members.c.device_pk == devices.c.pk)
    current = set(connection.scalars(mine.where(group_members.c.group_id == group.id)))
    joining = [device_id for device_id in wanted if device_id not in current]
    leaving = sorted(current.difference(wanted))
    return Change(str(parsed), *(_first(ids, limit) for ids in (wanted, joining, leaving)))


def _first(device_ids: Sequence[str], limit: int) -> Matches:
    return Matches(len(device_ids), tuple(device_ids[:limit]))


def _matching(connection: Connection, product: str, query: Query) -> Sequence[int]:
    return [device_pk for device_pk, _ in matching(connection, product, query)]


def _has_rollouts(connection: Connection, group_id: int) -> bool:
    return bool(connection.scalar(select(exists().where(rollouts.c.group_id == group_id))))


def _check_names(**names: str) -> None:
    for field, value in names.items():
        if not is_name(value):
            raise InvalidError(f"{field}: expected a name of {NAME_RULE}, got {value[:80]!r}")


def _group(row: Row[Any]) -> Group:
    return Group(
        row.id,
        row.product,
        row.name,
        row.query,
        datetime.fromtimestamp(row.created_at, UTC),
        row.devices,
    )
