"""The owner's word that a release may be installed, kept until the agent asks for it."""

from pathlib import Path

from ota_client.disk.record import Record
from ota_client.disk.storage import Storage
from ota_client.errors import StateCorruptError
from ota_client.formats.version import Version


class Consent:
    """One version that the owner agreed to; of no weight for any other."""

    def __init__(self, storage: Storage, state_dir: Path) -> None:
        self._record = Record(storage, str(state_dir / "consent"))

    def give(self, version: Version) -> None:
        """Agree to a release.

        Raises:
            InstallError: the record cannot be written.
        """
        self._record.write(str(version).encode())

    def given_to(self, version: Version) -> bool:
        """Whether the owner agreed to this release; a damaged record is no consent."""
        try:
            return self._record.read() == str(version).encode()
        except StateCorruptError:
            return False
