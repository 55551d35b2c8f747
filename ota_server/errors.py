"""What the update server refuses or cannot do. Only ``web/`` turns these into HTTP statuses."""

from ota_client.errors import FleetError


class NotPublishedError(FleetError):
    """No such file is published, or its name is not one that could be."""

    code = "not-published"


class PublishedFolderError(FleetError):
    """The published folder cannot be read."""

    code = "published-folder"
    retryable = True


class ListenError(FleetError):
    """The server's address is taken or not this machine's."""

    code = "listen"
    retryable = True
