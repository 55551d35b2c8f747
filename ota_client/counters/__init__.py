"""Where the stored rollback index lives: in a record on the disk, and in hardware if there is some."""

from ota_client.counters.counter import RollbackCounter
from ota_client.counters.record import RecordCounter

__all__ = ["RecordCounter", "RollbackCounter"]
