"""How many devices run what, kept as counters: a page of the fleet costs the same for any fleet."""

from typing import Final

from sqlalchemy import Connection, delete, func, select

from ota_server.database.last import Last, at_end
from ota_server.database.put import put_row
from ota_server.database.scope import Products, within
from ota_server.database.security_schema import version_counts

# what a device runs is not known before its first check-in
UNKNOWN: Final = ""


def entered(connection: Connection, product: str, version: str | None = None) -> None:
    """A device of the product is there, and runs this."""
    _change(connection, product, version or UNKNOWN, 1)


def gone(connection: Connection, product: str, version: str | None) -> None:
    """A device of the product that ran this is no more."""
    _change(connection, product, version or UNKNOWN, -1)


def moved(connection: Connection, product: str, before: str | None, after: str | None) -> None:
    """A device runs something else."""
    if before != after:
        gone(connection, product, before)
        entered(connection, product, after)


def counted(
    connection: Connection, product: str | None = None, *, products: Products
) -> dict[tuple[str, str], int]:
    """How many devices of these products (B10), or of this one, run what: by product and version."""
    query = select(version_counts).where(within(version_counts.c.product, products))
    if product is not None:
        query = query.filter_by(product=product)
    return {(row.product, row.version): row.devices for row in connection.execute(query)}


def total(
    connection: Connection,
    *,
    products: Products,
    product: str | None = None,
    version: str | None = None,
) -> int:
    """How many devices of these products (B10) there are; of this one, and with this version."""
    query = select(func.coalesce(func.sum(version_counts.c.devices), 0))
    query = query.where(within(version_counts.c.product, products))
    if product is not None:
        query = query.filter_by(product=product)
    if version is not None:
        query = query.filter_by(version=version)
    return int(connection.execute(query).scalar_one())


def _change(connection: Connection, product: str, version: str, difference: int) -> None:
    def work(connection: Connection) -> None:
        mine = {"product": product, "version": version}
        after = version_counts.c.devices + difference
        put_row(connection, version_counts, mine, {"devices": difference}, devices=after)
        if difference < 0:
            connection.execute(delete(version_counts).filter_by(**mine, devices=0))

    at_end(connection, Last.VERSION_COUNTS, work, key=f"{product}/{version}")
