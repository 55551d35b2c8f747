"""What the settings say of uploads: where they wait, and where they become public."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ota_client.errors import ConfigError
from ota_server.files.settings import BucketSettings
from ota_server.settings.uploads import UploadSettings, uploads_folder
from ota_server.uploads.destination import BucketDestination, Destination, FolderDestination
from ota_server.uploads.staging import Staging


@dataclass(frozen=True, slots=True)
class Uploads:
    """All that an upload needs.

    Attributes:
        root: the bytes of the root metadata to trust; None means the first that is published.
        keep: an upload that nobody goes on with is removed after so long.
    """

    staging: Staging
    destination: Destination
    root: bytes | None
    keep: timedelta

    def drop_stale(self, now: datetime) -> int:
        """Remove what nobody went on with; returns how many uploads."""
        return self.staging.drop_stale(now - self.keep)


def open_uploads(
    settings: UploadSettings,
    published: Path | None,
    bucket: BucketSettings | None,
    root: Path | None,
) -> Uploads | None:
    """Open what the settings name; None if uploads are not taken.

    Raises:
        ConfigError: the root cannot be read, or the bucket's settings cannot be used.
    """
    folder = uploads_folder(settings, published, bucket)
    if folder is None:
        return None
    try:
        trusted = root.read_bytes() if root else None
    except OSError as e:
        raise ConfigError(f"root: {root} cannot be read: {e.strerror}") from e
    staging = Staging(folder, most_bytes=settings.most_bytes)
    return Uploads(staging, _destination(published, bucket), trusted, timedelta(days=settings.keep_days))


def _destination(published: Path | None, bucket: BucketSettings | None) -> Destination:
    if bucket is not None:
        from ota_server.files.bucket import Bucket  # noqa: PLC0415 - a folder needs none of it

        return BucketDestination(Bucket(bucket))
    if published is None:
        raise ConfigError("expected a published folder, or a bucket in the table [files], got neither")
    return FolderDestination(published)
