"""A lock for each product: groups and rollouts are made while no device of the product is evaluated."""

import hashlib
from typing import Final

from sqlalchemy import Connection, func, select

# tells our advisory locks from those of others in the same PostgreSQL database
_LOCKS: Final = 0x5261_7463


def share_product(connection: Connection, product: str) -> None:
    """Let no group of the product be made or edited until the end of the transaction."""
    _lock(connection, product, "pg_advisory_xact_lock_shared")


def hold_product(connection: Connection, product: str) -> None:
    """Let no device of the product be evaluated until the end of the transaction.

    Without it a device could change after a new group's query has looked at it, and before the device
    can see the group.
    """
    _lock(connection, product, "pg_advisory_xact_lock")


def _lock(connection: Connection, product: str, lock: str) -> None:
    # SQLite has one writer at a time
    if connection.dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(product.encode()).digest()[:4], signed=True)
        connection.execute(select(getattr(func, lock)(_LOCKS, key)))
