"""What a serving process does so that nothing is kept longer than it should be."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from ota_server.background import Repeated
from ota_server.database.database import Database
from ota_server.privacy.retention import retain
from ota_server.settings import ServerSettings
from ota_server.settings.notifications import RetentionSettings
from ota_server.uploads.opening import Uploads, open_uploads

_log = logging.getLogger(__name__)
_EVERY_S: Final = 6 * 3600.0


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def retaining(
    settings: ServerSettings, database: Database, *, clock: Callable[[], datetime] = _now
) -> Iterator[None]:
    """Remove what has been kept long enough, until the end.

    Args:
        settings: of the server.
        database: of the fleet.
        clock: UTC.
    """
    root = settings.fleet.root if settings.fleet else None
    uploads = open_uploads(settings.uploads, settings.published, settings.bucket, root)
    rules = settings.operators.retention if settings.operators else RetentionSettings()
    with Repeated("retention", lambda: forget_old(database, rules, uploads, clock()), every_s=_EVERY_S):
        yield


def forget_old(
    database: Database, rules: RetentionSettings, uploads: Uploads | None, now: datetime
) -> None:
    """Remove it once, and log how much it was."""
    removed = dict(retain(database, rules, now=now))
    removed["uploads"] = uploads.drop_stale(now) if uploads else 0
    if any(removed.values()):
        _log.info("kept long enough, and removed: %s", {k: v for k, v in removed.items() if v})
