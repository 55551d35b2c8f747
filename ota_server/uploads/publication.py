"""The last step of an upload: what was verified becomes public, if nothing else did meanwhile."""

from collections.abc import Mapping
from contextlib import suppress

from ota_client.errors import FleetError
from ota_server.errors import ConflictError
from ota_server.uploads.destination import Destination, wanted
from ota_server.uploads.listing import UploadList
from ota_server.uploads.staged_upload import StagedUpload
from ota_server.uploads.staging import Staging
from ota_server.uploads.verification import Verified, published_state


def publish(
    verified: Verified, upload: StagedUpload, staging: Staging, destination: Destination
) -> None:
    """Make a verified upload public, and forget it.

    Raises:
        ConflictError: something else was published since it was verified.
        PublishedFolderError: the disk or the bucket failed; what was public still is, and the upload
            waits to be tried again.
    """
    with staging.locked():
        now = published_state(destination)
        seen = verified.before.versions if verified.before else None
        if (now.versions if now else None) != seen:
            raise ConflictError("something else was published meanwhile: publish again")
        destination.publish(verified)
        staging.drop(upload)


def public(files: UploadList, destination: Destination) -> Mapping[str, int] | None:
    """The versions that are public, by role, if all of these files are; None if they are not."""
    with suppress(FleetError):
        state = None if wanted(files, destination) else published_state(destination)
        return state.versions if state else None
    return None
