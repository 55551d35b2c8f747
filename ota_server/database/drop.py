"""What is over is forgotten by whoever comes by; nobody waits for another who does the same."""

from sqlalchemy import Column, ColumnElement, Connection, delete, select


def drop_free(connection: Connection, key: Column[object], old: ColumnElement[bool]) -> None:
    """Delete old rows but those that another transaction holds: it, or the next one, will.

    Args:
        connection: in a transaction that writes.
        key: the primary key's column.
        old: which rows.
    """
    free = select(key).where(old).with_for_update(skip_locked=True)
    connection.execute(delete(key.table).where(key.in_(free)))
