"""Every error that Ratchet raises on purpose.

The family tells the caller what to do next::

    OtaError
    |- FetchError          try again later
    |- VerificationError   do not trust it; raise an alarm
    |- RefusedError        genuine, but not for this device now
    |- InstallError        the device could not
    |- ConfigError         mend the settings
    |- SigningError        the release engineer's desk (see signing/errors.py)
    `- FleetError          the update server (see ota_server/errors.py)

Each class has a stable ``code`` for reports and ``--json``, an ``exit_code`` for the commands, and says
whether trying again can help (``retryable``). The message says what was expected and what was got.
"""

from typing import ClassVar


class OtaError(Exception):
    """Base of all errors that Ratchet raises on purpose."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class FetchError(OtaError):
    """The network or the server failed; nothing was decided."""

    code = "fetch"
    exit_code = 5
    retryable = True


class ConnectionLostError(FetchError):
    """No connection could be made, or it broke off or fell silent; a new one may do better."""

    code = "connection"


class HttpStatusError(FetchError):
    """The server answered with a status that is no success."""

    code = "http-status"

    def __init__(self, message: str, status: int, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class SlowRetrievalError(FetchError):
    """The server sends slower than the minimum rate, or the deadline passed (A16)."""

    code = "slow-retrieval"


class ResponseTooLongError(FetchError):
    """The server sends more bytes than signed data allows (A15)."""

    code = "response-too-long"


class RedirectRefusedError(FetchError):
    """A redirect leads to another host or to plain HTTP (C04)."""

    code = "redirect-refused"


class CaptivePortalError(FetchError):
    """A web page came in place of the repository's file: a network that wants a login, or a proxy."""

    code = "captive-portal"


class QuotaError(FetchError):
    """The device has fetched as many bytes today as ``daily_limit_bytes`` allows."""

    code = "quota"


class VerificationError(OtaError):
    """What was fetched is not what the release engineers signed."""

    code = "verification"
    exit_code = 10


class MetadataError(VerificationError):
    """TUF metadata is unsigned, wrongly signed or malformed."""

    code = "metadata"


class MetadataRollbackError(VerificationError):
    """TUF metadata is older than what this device has already trusted (A06, A07)."""

    code = "metadata-rollback"


class ExpiredError(VerificationError):
    """TUF metadata has expired: a freeze, or a repository that nobody refreshes (A08, A09)."""

    code = "expired"
    exit_code = 11
    retryable = True


class DuplicateKeyError(VerificationError):
    """One public key stands under two key ids of a role (A04)."""

    code = "duplicate-key"


class WeakHashError(VerificationError):
    """Signed metadata lists no sha256 or sha512 (A30)."""

    code = "weak-hash"


class RootChainError(VerificationError):
    """More root versions follow the pinned one than a device walks (A25)."""

    code = "root-chain"


class UnknownReleaseError(VerificationError):
    """Signed metadata does not list the release or the channel that was asked for."""

    code = "unknown-release"


class ManifestError(VerificationError):
    """A release manifest is malformed, or disagrees with the metadata that signs it."""

    code = "manifest"


class PayloadError(VerificationError):
    """A payload index, frame or region is malformed or does not match its signed hash."""

    code = "payload"


class RefusedError(OtaError):
    """The release is genuine, but not for this device now."""

    code = "refused"
    exit_code = 12


class DowngradeError(RefusedError):
    """The release's version is below the booted one."""

    code = "downgrade"


class RollbackIndexError(RefusedError):
    """The release's rollback index is below the stored one."""

    code = "rollback-index"


class RollbackIndexJumpError(RefusedError):
    """The rollback index rises by more than the step cap (A14)."""

    code = "rollback-index-jump"


class HardwareMismatchError(RefusedError):
    """The release is for other hardware or another product (A18)."""

    code = "hardware-mismatch"


class SteppingStoneError(RefusedError):
    """The device must first run a release in between (``min_version``)."""

    code = "stepping-stone"


class SlotMismatchError(RefusedError):
    """An image names a slot that this device does not have, or does not fit into it."""

    code = "slot-mismatch"


class UnconfirmedTrialError(RefusedError):
    """The running slot is itself on trial; installing would overwrite the last good one (D05)."""

    code = "unconfirmed-trial"
    retryable = True


class KnownBadReleaseError(RefusedError):
    """This device has tried the release and fell back from it (D12)."""

    code = "known-bad-release"


class InstallError(OtaError):
    """The device could not do what was asked of it."""

    code = "install"
    exit_code = 14


class StorageError(InstallError):
    """A slot or state file cannot be opened, read, written or made durable (D08, D09)."""

    code = "storage"
    retryable = True


class StateCorruptError(InstallError):
    """Both copies of a durable record are damaged (D11)."""

    code = "state-corrupt"


class ReadBackError(InstallError):
    """What was read back from the slot is not what was written (C05, D07)."""

    code = "read-back"
    retryable = True


class BootControlError(InstallError):
    """The boot control answers what cannot be, or refuses a transition."""

    code = "boot-control"


class BusyError(InstallError):
    """Another agent holds this device's lock (D10)."""

    code = "busy"
    retryable = True


class CounterError(InstallError):
    """The hardware that keeps the stored rollback index was cleared or exchanged, or refuses."""

    code = "rollback-counter"


class CounterUnavailableError(CounterError):
    """The hardware that keeps the stored rollback index does not answer now."""

    code = "rollback-counter-unavailable"
    retryable = True


class HookError(InstallError):
    """A hook command failed or outran its deadline."""

    code = "hook"


class PostponedError(HookError):
    """The ``pre_install`` hook said no: nothing is wrong, and it is asked again."""

    code = "postponed"
    retryable = True


class ConfigError(OtaError):
    """A setting, an argument or a file that settings name is wrong."""

    code = "config"
    exit_code = 2


class SigningError(OtaError):
    """The release engineer's side refused or could not."""

    code = "signing"


class FleetError(OtaError):
    """The update server refused or could not."""

    code = "fleet"


class NotAuthorisedError(FleetError):
    """This device is not enrolled, or the update server does not take it for one of its own."""

    code = "not-authorised"
    exit_code = 4
