"""Pages of devices, by what an operator asks for; what they cost does not rise with the fleet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, select

from ota_client.formats.version import Version
from ota_server.database.schema import device_seen, devices, group_members, groups
from ota_server.database.scope import Products, within
from ota_server.devices import version_counts
from ota_server.devices.device import NAME_BEGINS, Device, device_of, device_rows
from ota_server.errors import InvalidError
from ota_server.page import Page, Total, check_limit, count

# behind every character of a name
_AFTER_NAMES: Final = "\x7f"


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices are asked for; None asks for nothing.

    Attributes:
        product: of this product.
        group: in the group of this name; goes with ``product``.
        version: running this.
        text: their ids begin with it.
        status: ``active`` or ``revoked``.
        tag: with this tag.
        phase: of their last check-in, such as ``trial``.
        seen_before: not seen since; one that never was seen counts from its enrolment.
        expires_before: with a certificate that ends by then, or has ended.
    """

    product: str | None = None
    group: str | None = None
    version: Version | None = None
    text: str | None = None
    status: str | None = None
    tag: str | None = None
    phase: str | None = None
    seen_before: datetime | None = None
    expires_before: datetime | None = None

    def __post_init__(self) -> None:
        if self.group is not None and self.product is None:
            raise InvalidError("group: expected a product with it: names of groups belong to a product")


_ALL: Final = DeviceFilter()


def listed(
    connection: Connection,
    wanted: DeviceFilter = _ALL,
    *,
    products: Products,
    after: str | None = None,
    limit: int = 100,
) -> Page[Device]:
    """A page of devices in the order of their ids.

    Args:
        connection: for reading.
        wanted: which.
        products: of these alone (B10).
        after: ``next_after`` of the page before.
        limit: most devices on the page.

    Raises:
        InvalidError: the limit, the cursor or the beginning of an id cannot be one.
    """
    _check(after, limit)
    conditions = [within(devices.c.product, products), *_conditions(wanted)]
    total = _counted(connection, wanted, products)
    if total is None:
        total = count(connection, select(devices.c.pk).where(*conditions))
    query = device_rows().where(*conditions, *_behind(after)).order_by(devices.c.device_id)
    return _page(connection.execute(query.limit(limit + 1)), total, limit)


def running(
    connection: Connection,
    versions: Iterable[tuple[str, Version | None]],
    *,
    products: Products,
    total: int,
    after: str | None = None,
    limit: int = 100,
) -> Page[Device]:
    """A page of the devices that run one of these versions, in the order of their ids.

    Version by version: the index has the devices of each one in a row.

    Args:
        connection: for reading.
        versions: with their products; None is what was never heard of.
        products: of these alone (B10).
        total: how many they are, as counters have it.
        after: ``next_after`` of the page before.
        limit: most devices on the page.

    Raises:
        InvalidError: the limit or the cursor cannot be one.
    """
    _check(after, limit)
    column = devices.c
    mine = select(column.device_id).where(within(column.product, products), *_behind(after))
    mine = mine.order_by(column.device_id).limit(limit + 1)
    ids: list[str] = []
    for product, version in versions:
        runs = column.running_version == (None if version is None else str(version))
        ids += connection.scalars(mine.where(column.product == product, runs))
    query = device_rows().where(column.device_id.in_(sorted(ids)[: limit + 1]))
    return _page(connection.execute(query.order_by(column.device_id)), Total(total), limit)


def _check(after: str | None, limit: int) -> None:
    check_limit(limit)
    if after is not None and not NAME_BEGINS.fullmatch(after):
        raise InvalidError(f"after: expected a device id, got {after[:80]!r}")


def _behind(after: str | None) -> list[ColumnElement[bool]]:
    return [] if after is None else [devices.c.device_id > after]


def _page(rows: Iterable[Row[Any]], total: Total, limit: int) -> Page[Device]:
    found = tuple(map(device_of, rows))
    return Page.of(found[:limit], total, found[limit - 1].device_id if len(found) > limit else None)


def _conditions(wanted: DeviceFilter) -> list[ColumnElement[bool]]:
    column = devices.c
    equal = {
        column.product: wanted.product,
        column.running_version: None if wanted.version is None else str(wanted.version),
        column.status: wanted.status,
        column.phase: wanted.phase,
    }
    return [
        *(known == value for known, value in equal.items() if value is not None),
        *(_begins_with(wanted.text) if wanted.text else ()),
        *(_in_group(wanted.product, wanted.group) if wanted.group is not None else ()),
        # canonical JSON has one way to say it, and a tag has no quotation mark
        *([column.tags.contains(f'"{wanted.tag}"', autoescape=True)] if wanted.tag else ()),
        *(_unseen_since(wanted.seen_before) if wanted.seen_before else ()),
        *(_ends_by(wanted.expires_before) if wanted.expires_before else ()),
    ]


def _begins_with(text: str) -> list[ColumnElement[bool]]:
    """A range of the index; LIKE would read all of it in some databases' languages."""
    if not NAME_BEGINS.fullmatch(text):
        raise InvalidError(f"text: expected the beginning of a device id, got {text[:80]!r}")
    return [devices.c.device_id >= text, devices.c.device_id < text + _AFTER_NAMES]


def _in_group(product: str | None, name: str) -> list[ColumnElement[bool]]:
    inside = select(group_members.c.device_pk).join(groups, groups.c.id == group_members.c.group_id)
    return [devices.c.pk.in_(inside.where(groups.c.product == product, groups.c.name == name))]


def _unseen_since(moment: datetime) -> list[ColumnElement[bool]]:
    since = int(moment.timestamp())
    seen = select(device_seen.c.device_pk).where(
        device_seen.c.device_pk == devices.c.pk, device_seen.c.seen_at >= since
    )
    return [devices.c.created_at < since, ~seen.correlate(devices).exists()]


def _ends_by(moment: datetime) -> list[ColumnElement[bool]]:
    """As ``fleet_figures`` counts them; 0 is a device that has no certificate of ours."""
    return [devices.c.certificate_expires_at.between(1, int(moment.timestamp()))]


def _counted(connection: Connection, wanted: DeviceFilter, products: Products) -> Total | None:
    """How many there are, where a counter says so."""
    if wanted == DeviceFilter(product=wanted.product, group=wanted.group) and wanted.group is not None:
        mine = select(groups.c.devices).filter_by(product=wanted.product, name=wanted.group)
        mine = mine.where(within(groups.c.product, products))
        return Total(connection.scalar(mine) or 0)
    if wanted != DeviceFilter(product=wanted.product, version=wanted.version):
        return None
    version = None if wanted.version is None else str(wanted.version)
    number = version_counts.total(connection, products=products, product=wanted.product, version=version)
    return Total(number)
