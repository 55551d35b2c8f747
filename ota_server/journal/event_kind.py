"""All that people and programs are told of (OWASP IoT item 4)."""

from enum import StrEnum
from typing import Final

# of all schemas: docs/reference/events.md
VERSION: Final = 1


class EventKind(StrEnum):
    """What happened."""

    RELEASE_PUBLISHED = "release.published"
    ROLLOUT_PROPOSED = "rollout.proposed"
    ROLLOUT_STARTED = "rollout.started"
    ROLLOUT_HALTED = "rollout.halted"
    ROLLOUT_FINISHED = "rollout.finished"
    ROLLOUT_ABORTED = "rollout.aborted"
    DEVICE_ENROLLED = "device.enrolled"
    DEVICE_FELL_BACK = "device.fell-back"
    DEVICE_SILENT = "device.silent"
    DEVICE_REVOKED = "device.revoked"
    DEVICE_DECOMMISSIONED = "device.decommissioned"
    CERTIFICATE_EXPIRING = "certificate.expiring"
    METADATA_EXPIRING = "metadata.expiring"
    ROOT_CHANGED = "root.changed"
    ADVISORY_IMPORTED = "advisory.imported"


# of no product, and of files that anybody may read: whoever sees a product may know
PUBLIC_KINDS: Final = frozenset({EventKind.METADATA_EXPIRING, EventKind.ROOT_CHANGED})
