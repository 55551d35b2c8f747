"""The table ``[uploads]`` of ``ota-server.toml``: publishing over the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ota_server.files.settings import BucketSettings
from ota_server.settings.sources import Layers

_GIB: Final = 1024**3
_MOST_BYTES: Final = 2**60


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """Where uploads wait until they are whole; docs/reference/server-settings.md explains each.

    Attributes:
        enabled: whether ``ota-sign publish --to https://...`` is answered.
        folder: where they wait; None means beside the published folder.
        most_bytes: of all uploads together.
        keep_days: an upload that nobody goes on with is removed after so long.
    """

    enabled: bool = True
    folder: Path | None = None
    most_bytes: int = 20 * _GIB
    keep_days: int = 7

    @classmethod
    def read(cls, layers: Layers) -> Self:
        """Take the table.

        Raises:
            ConfigError: a setting is wrong.
        """
        table, defaults = layers.table("uploads"), cls()
        return cls(
            enabled=table.switch("enabled", default=defaults.enabled),
            folder=table.given("folder", table.path, None),
            most_bytes=table.count("most_bytes", defaults.most_bytes, most=_MOST_BYTES),
            keep_days=table.count("keep_days", defaults.keep_days, most=365),
        )


def uploads_folder(
    settings: UploadSettings, published: Path | None, bucket: BucketSettings | None
) -> Path | None:
    """Where uploads wait; None if none are taken, as with a bucket and no folder named."""
    if not settings.enabled:
        return None
    if settings.folder is not None:
        return settings.folder
    if bucket is not None or published is None:
        return None
    # on the same file system, so that a file becomes public without being copied
    return published.absolute().parent / f".{published.name}.uploads"
