"""The ``[rollback_counter]`` table: where the stored rollback index is kept."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ota_client.counters.counter import RollbackCounter
from ota_client.counters.record import RecordCounter
from ota_client.disk.record import Record
from ota_client.disk.storage import Storage
from ota_client.formats.strict import Fields

KINDS: Final = ("record", "tpm")
# Those that an owner may define (TCG Registry of Reserved TPM 2.0 Handles, section 2.2); the next one
# belongs to the counter too.
_NV_INDEX_LOWEST: Final = 0x01000000
_NV_INDEX_HIGHEST: Final = 0x01FFFFFE
_PORT_MOST: Final = 65535
_START_ANEW: Final = "remove both: what the hardware holds is then taken as this device's"


@dataclass(frozen=True, slots=True)
class CounterSettings:
    """Where the stored rollback index is kept.

    Attributes:
        kind: ``record``, a file in the state directory; or ``tpm``, that and a counter of a TPM 2.0.
        device: the TPM: a device file, or ``swtpm:HOST:PORT`` or ``swtpm:PATH`` for a simulated one.
        nv_index: of the counter; the next index holds its beginning.
        auth_file: holds the secret without which nobody counts; None means an empty one.
        owner_auth_file: holds the TPM owner's secret; read by provisioning alone.
    """

    kind: str = "record"
    device: str = "/dev/tpmrm0"
    nv_index: int = 0x01500016
    auth_file: Path | None = None
    owner_auth_file: Path | None = None

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take the settings from the ``[rollback_counter]`` table.

        Raises:
            ConfigError: a setting is unknown or wrong.
        """
        settings = cls(
            kind=table.given("kind", table.text, cls().kind),
            device=table.given("device", lambda name: table.parsed(name, _parse_device), cls().device),
            nv_index=table.given("nv_index", lambda name: _nv_index(table, name), cls().nv_index),
            auth_file=table.given("auth_file", path, None),
            owner_auth_file=table.given("owner_auth_file", path, None),
        )
        if settings.kind not in KINDS:
            table.fail("kind", f"one of {', '.join(KINDS)}", settings.kind)
        table.finish()
        return settings

    def open(self, storage: Storage, state_dir: Path) -> RollbackCounter:
        """Make the counter."""
        record = RecordCounter(Record(storage, str(state_dir / "rollback-index")))
        if self.kind == "record":
            return record
        from ota_client.counters.hardware import HardwareCounter  # noqa: PLC0415 a device without a TPM
        from ota_client.counters.tpm import TpmIndex  # noqa: PLC0415 loads nothing of it

        binding = Record(storage, str(state_dir / "rollback-counter"), way_out=_START_ANEW)
        return HardwareCounter(record, binding, TpmIndex.of(self), os.urandom)


def _nv_index(table: Fields, name: str) -> int:
    return table.integer(name, lowest=_NV_INDEX_LOWEST, highest=_NV_INDEX_HIGHEST)


def _parse_device(text: str) -> str:
    if "\0" not in text and text.isprintable() and text.startswith(("/", "swtpm:/")):
        return text
    scheme, _, address = text.partition(":")
    host, _, port = address.rpartition(":")
    is_number = port.isascii() and port.isdecimal() and len(port) <= len(str(_PORT_MOST))
    if scheme == "swtpm" and host and is_number and 0 < int(port) <= _PORT_MOST:
        return text
    raise ValueError(f"expected a path, swtpm:HOST:PORT or swtpm:PATH, got {text[:80]!r}")
