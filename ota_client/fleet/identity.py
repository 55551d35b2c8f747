"""The device's key and certificate, in files that a power cut does not take (D01).

An identity is one file: the private key and what certifies it. It is never written over: the next one
gets the next number, and the ones before it go when it is durable. A file that was cut short is none,
and is passed over.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from ota_client.disk.storage import Storage
from ota_client.errors import NotAuthorisedError

_NUMBERED: Final = re.compile(r"identity-(\d{1,9})\.pem", re.ASCII)
_MOST_BYTES: Final = 64 * 1024
# to its end, and with no sector of it missing
_WHOLE: Final = re.compile(rb"(?:-----BEGIN [A-Z ]+-----\n[A-Za-z0-9+/=\n]+-----END [A-Z ]+-----\n)+")


class Identity:
    """The files of a device's identity.

    Args:
        storage: the disk; it follows no link and makes files for their owner alone (D09).
        folder: made already.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage, self._folder = storage, folder
        self._new_key_file = folder / "new-key.pem"

    @property
    def enrolled(self) -> bool:
        """Whether there is an identity."""
        return self._newest() is not None

    @property
    def file(self) -> Path:
        """The newest identity: private key, certificate, the authority's certificate, PEM.

        Raises:
            NotAuthorisedError: there is none.
        """
        file = self._newest()
        if file is None:
            raise NotAuthorisedError(
                f"{self._folder}: expected the device's certificate, got none; run 'ota-client enroll'"
            )
        return file

    def read(self) -> bytes:
        """The content of ``file``; raises as it does."""
        return self._whole(self.file)

    def new_key(self, make: Callable[[], bytes]) -> bytes:
        """A key that nobody has certified yet: that of an interrupted enrolment, or a new one.

        Returns:
            The key; it is durable.
        """
        path = str(self._new_key_file)
        key = self._whole(self._new_key_file) if self._storage.exists(path) else b""
        file = self._newest()
        if key and (file is None or not self._whole(file).startswith(key)):
            # its name may not have been made durable
            self._storage.sync_name(path)
            return key
        # cut short before its first use, or left over by the enrolment that certified it
        self._remove([self._new_key_file])
        # the folder's own name, too
        self._storage.sync_name(str(self._folder))
        key = make()
        self._storage.create(path, key)
        return key

    def keep(self, key: bytes, certificates: bytes) -> None:
        """Make a new identity durable; the ones before it go."""
        before = tuple(self._files())
        number = max(map(_number, before), default=0) + 1
        self._storage.create(str(self._folder / f"identity-{number}.pem"), key + certificates)
        self._remove([*before, self._new_key_file])

    def _remove(self, files: Iterable[Path]) -> None:
        for file in files:
            if self._storage.exists(str(file)):
                self._storage.remove(str(file))
        self._storage.sync_name(str(self._new_key_file))

    def _newest(self) -> Path | None:
        return next((file for file in self._files() if self._whole(file)), None)

    def _files(self) -> Iterator[Path]:
        """All identities, the newest first."""
        names = filter(_NUMBERED.fullmatch, self._storage.names(str(self._folder)))
        yield from sorted((self._folder / name for name in names), key=_number, reverse=True)

    def _whole(self, file: Path) -> bytes:
        """A file's content; nothing if it was cut short."""
        with self._storage.open(str(file), writable=False) as opened:
            pem = opened.read_at(0, _MOST_BYTES)
        return pem if _WHOLE.fullmatch(pem) else b""


def _number(file: Path) -> int:
    match = _NUMBERED.fullmatch(file.name)
    return int(match[1]) if match else 0
