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


class DatabaseUnavailableError(FleetError):
    """The database does not answer, or its disk is full."""

    code = "database-unavailable"
    retryable = True


class SchemaError(FleetError):
    """The database was made by an older or a newer ota-server."""

    code = "schema"
    exit_code = 2


class BackupError(FleetError):
    """A backup cannot be written or read, is damaged, or is of a newer ota-server."""

    code = "backup"


class InvalidError(FleetError):
    """A value is not one that can be taken; the sentence names it."""

    code = "invalid"
    exit_code = 2


class NotFoundError(FleetError):
    """There is no such device, group, rollout, release or token."""

    code = "not-found"


class ConflictError(FleetError):
    """It is there already, or its state does not allow what was asked."""

    code = "conflict"


class AuditError(FleetError):
    """An entry of the audit log was changed or taken out."""

    code = "audit"


class SbomError(ConflictError):
    """A release's bill of materials is in no form that is read, or too large."""

    code = "sbom"


class UnauthenticatedError(FleetError):
    """The request came without a certificate, token or session, or with one that is none (B03, B14)."""

    code = "unauthenticated"
    exit_code = 4


class UnknownDeviceError(UnauthenticatedError):
    """No enrolled device has the certificate's key (B04)."""

    code = "unknown-device"


class SignInError(UnauthenticatedError):
    """Nobody signs in so; it is not told why (B12)."""

    code = "sign-in"


class ForbiddenError(FleetError):
    """The device, the person or the token is known, and is not allowed to."""

    code = "forbidden"
    exit_code = 4


class RevokedError(ForbiddenError):
    """The device was revoked or decommissioned (B05)."""

    code = "revoked"


class EnrolmentError(ForbiddenError):
    """The enrolment token is unknown, used up, expired or for other devices (B04)."""

    code = "enrolment"


class OutputError(FleetError):
    """A command's report cannot be written, such as on a full disk."""

    code = "output"


class TooManyError(FleetError):
    """More requests than one device or address may make (B07)."""

    code = "too-many"
    retryable = True

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UploadRefusedError(InvalidError):
    """A device would not accept what was uploaded, or it does not follow on what is published (B11)."""

    code = "upload-refused"
    exit_code = 10


class UploadFullError(ConflictError):
    """An upload is more than the quota or the disk has room for."""

    code = "upload-full"
