"""Which store the settings name."""

import logging
from collections.abc import Callable
from pathlib import Path

from ota_client.errors import ConfigError
from ota_server.files.bucket import Bucket
from ota_server.files.folder import PublishedFolder
from ota_server.files.s3 import S3Store
from ota_server.files.settings import BucketSettings
from ota_server.files.store import FileStore

_log = logging.getLogger(__name__)


def open_store(published: Path | None, bucket: BucketSettings | None) -> FileStore:
    """Open the bucket if there is one, else the folder.

    Raises:
        ConfigError: there is neither, or the bucket's settings cannot be used.
    """
    if bucket is not None:
        if bucket.endpoint is not None and bucket.endpoint.startswith("http://"):
            _log.warning(
                "plain HTTP to the bucket: whoever is in between can read and replace files; "
                "signatures still protect what is installed"
            )
        return S3Store(Bucket(bucket))
    if published is None:
        raise ConfigError("expected --published DIR, or a bucket in the table [files], got neither")
    return PublishedFolder(published)


class LateStore:
    """The store's small files; it is opened when the first is read. Many commands read none.

    Args:
        settings: reads what ``open_store`` takes.
    """

    def __init__(self, settings: Callable[[], tuple[Path | None, BucketSettings | None]]) -> None:
        self._settings = settings
        self._store: FileStore | None = None

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """Read a whole file; see ``ota_server.files.store.FileStore``.

        Raises:
            ConfigError: the store's settings cannot be used.
        """
        if self._store is None:
            self._store = open_store(*self._settings())
        return self._store.read_small(name, most_bytes)
