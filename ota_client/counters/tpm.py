"""The rollback index in a TPM 2.0: an NV counter, and beside it a locked index with its beginning.

A TPM's counter rises by one and begins above every counter that the TPM ever had. So the first index
counts, and the next one says, once and for all, which count stands for which rollback index.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final, Self

from ota_client.counters.hardware import IDENTITY_BYTES
from ota_client.counters.health import HardwareReading
from ota_client.counters.settings import CounterSettings
from ota_client.counters.tpm_client import TpmClient
from ota_client.counters.tpm_messages import TYPE_BITS, Attribute, NvPublic
from ota_client.counters.tpm_transport import Transport, connect
from ota_client.errors import CounterError, CounterUnavailableError
from ota_client.manifest import ROLLBACK_INDEX_MAX
from ota_client.rollback import STEP_CAP

_MAGIC: Final = b"RTCHtpm1"
_BEGINNING: Final = Struct(f">8sQQ{IDENTITY_BYTES}s")
_COUNT_BYTES: Final = 8
_AUTH_LONGEST: Final = 32  # sha256, the index's own hash, has no more (part 1, 37.4)
# By the index's own password, so that a device needs no owner's; without dictionary attack protection,
# so that nobody stops updates by trying wrong passwords.
_COMMON: Final = Attribute.AUTH_READ | Attribute.AUTH_WRITE | Attribute.NO_DICTIONARY_ATTACK
_COUNTER: Final = _COMMON | Attribute.COUNTER
_LOCKABLE: Final = _COMMON | Attribute.WRITE_DEFINE
_VOLATILE: Final = Attribute.ORDERLY | Attribute.CLEARED_AT_START


@dataclass(frozen=True, slots=True)
class Passwords:
    """Where the TPM's passwords come from; each is read when it is needed."""

    index: Callable[[], bytes]
    owner: Callable[[], bytes]


class TpmIndex:
    """A rollback index in a TPM.

    Args:
        connect: opens a line to the TPM; one for each call, since others may use it too.
        nv_index: of the counter; its beginning is in the next one.
        passwords: the TPM's.
        wait: waits that many seconds, when the TPM asks for it.
    """

    kind = "tpm"

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Transport]],
        nv_index: int,
        passwords: Passwords,
        wait: Callable[[float], None],
    ) -> None:
        self._connect, self._wait, self._passwords = connect, wait, passwords
        self._counter, self._beginning = nv_index, nv_index + 1

    @classmethod
    def of(cls, settings: CounterSettings) -> Self:
        """The rollback index that the settings name."""
        passwords = Passwords(
            lambda: _password(settings.auth_file), lambda: _password(settings.owner_auth_file)
        )
        return cls(lambda: connect(settings.device), settings.nv_index, passwords, time.sleep)

    def read(self) -> HardwareReading | None:
        """The rollback index; None where it was not provisioned to the end."""
        with self._client() as tpm:
            return self._read(tpm)

    def raise_to(self, index: int) -> None:
        """Count on to ``index``, at most by what one release may raise it; the next call goes on."""
        with self._client() as tpm:
            found = self._read(tpm)
            if found is None:
                raise CounterError("TPM: expected the rollback counter, got none")
            for _ in range(min(index - found.index, STEP_CAP)):
                tpm.increment(self._counter, auth=self._passwords.index())

    def provision(self, index: int, identity: bytes) -> None:
        """Define both NV indices, or finish what a cut left of that."""
        auth = self._passwords.index()
        with self._client() as tpm:
            self._define(tpm, self._counter, _COUNTER, _COUNT_BYTES)
            self._define(tpm, self._beginning, _LOCKABLE, _BEGINNING.size)
            counter = tpm.public(self._counter)
            if counter is not None and not counter.has(Attribute.WRITTEN):
                # a counter cannot be read before it has counted
                tpm.increment(self._counter, auth=auth)
            beginning = _BEGINNING.pack(_MAGIC, self._count(tpm), index, identity)
            tpm.write(self._beginning, beginning, auth=auth)
            tpm.write_lock(self._beginning, auth=auth)

    def remove(self) -> None:
        """Remove both NV indices, whatever they are."""
        with self._client() as tpm:
            for nv_index in (self._counter, self._beginning):
                if tpm.public(nv_index) is not None:
                    tpm.undefine(nv_index, owner_auth=self._passwords.owner())

    def owner_has_password(self) -> bool:
        """Whether removing the counter takes a password.

        Raises:
            CounterError: the TPM does not tell.
        """
        with self._client() as tpm:
            return tpm.owner_has_password()

    @contextmanager
    def _client(self) -> Iterator[TpmClient]:
        with self._connect() as transport:
            yield TpmClient(transport, self._wait)

    def _read(self, tpm: TpmClient) -> HardwareReading | None:
        counter, beginning = tpm.public(self._counter), tpm.public(self._beginning)
        if counter is None or beginning is None:
            return None
        self._check(self._counter, counter, _COUNTER, _COUNT_BYTES)
        self._check(self._beginning, beginning, _LOCKABLE, _BEGINNING.size)
        if not beginning.has(Attribute.WRITE_LOCKED | Attribute.WRITTEN):
            return None
        content = tpm.read(self._beginning, _BEGINNING.size, auth=self._passwords.index())
        magic, first_count, first_index, identity = _BEGINNING.unpack(content)
        index = self._count(tpm) - first_count + first_index
        if magic != _MAGIC or not first_index <= index <= ROLLBACK_INDEX_MAX:
            raise _foreign(self._beginning)
        return HardwareReading(identity, index)

    def _count(self, tpm: TpmClient) -> int:
        return int.from_bytes(tpm.read(self._counter, _COUNT_BYTES, auth=self._passwords.index()), "big")

    def _define(self, tpm: TpmClient, nv_index: int, attributes: Attribute, size_bytes: int) -> None:
        found = tpm.public(nv_index)
        if found is None:
            owner, auth = self._passwords.owner(), self._passwords.index()
            tpm.define(nv_index, attributes, size_bytes, auth=auth, owner_auth=owner)
        else:
            self._check(nv_index, found, attributes, size_bytes)

    @staticmethod
    def _check(nv_index: int, found: NvPublic, attributes: Attribute, size_bytes: int) -> None:
        # an ordinary index in a counter's place could be written back
        if (
            found.size_bytes != size_bytes
            or not found.has(attributes)
            or found.attributes & TYPE_BITS != attributes & TYPE_BITS
            or found.attributes & _VOLATILE
        ):
            raise _foreign(nv_index)


def _foreign(nv_index: int) -> CounterError:
    return CounterError(
        f"TPM: expected this device's rollback counter at {nv_index:#x}, got something else"
    )


def _password(file: Path | None) -> bytes:
    if file is None:
        return b""
    try:
        secret = file.read_bytes().rstrip(b"\r\n")
    except OSError as e:
        # status and mark good go on without
        raise CounterUnavailableError(f"{file}: expected a TPM password, got: {e.strerror}") from e
    if len(secret) > _AUTH_LONGEST:
        raise CounterUnavailableError(
            f"{file}: expected a TPM password of at most {_AUTH_LONGEST} bytes, got {len(secret)}"
        )
    return secret
