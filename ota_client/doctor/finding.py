"""What the doctor finds: a stable code, how bad it is, what was seen, what to do."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How bad it is; only errors change the exit code."""

    OK = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3


class Code(StrEnum):
    """Every finding there is (docs/reference/doctor.md)."""

    UNSEEN = "unseen"
    SLOT_MISSING = "slot-missing"
    SLOT_KIND = "slot-kind"
    SLOT_IS_FILE = "slot-is-file"
    SLOT_SIZES_DIFFER = "slot-sizes-differ"
    SLOT_SIZE_ODD = "slot-size-odd"
    SLOT_MISALIGNED = "slot-misaligned"
    SLOTS_OVERLAP = "slots-overlap"
    SLOT_MOUNTED = "slot-mounted"
    RUNNING_SLOT_WRITABLE = "running-slot-writable"
    RUNNING_SLOT_ELSEWHERE = "running-slot-elsewhere"
    BOOT_STATE = "boot-state"
    BOOT_UNSAFE = "boot-unsafe"
    BOOT_NO_FALLBACK = "boot-no-fallback"
    BOOT_TRIAL = "boot-trial"
    BOOT_ORDER = "boot-order"
    BOOT_CANARY = "boot-canary"
    BOOT_CANARY_SILENT = "boot-canary-silent"
    ROOT_MISSING = "root-missing"
    ROOT_MALFORMED = "root-malformed"
    ROOT_EXPIRED = "root-expired"
    ROOT_EXPIRES_SOON = "root-expires-soon"
    ROOT_THRESHOLD = "root-threshold"
    ROOT_NO_SPARE_KEY = "root-no-spare-key"
    ROOT_KEY_ONLINE = "root-key-online"
    ROOT_BEHIND = "root-behind"
    CLOCK_UNSET = "clock-unset"
    CLOCK_BEHIND = "clock-behind"
    CLOCK_AHEAD = "clock-ahead"
    CLOCK_NO_RTC = "clock-no-rtc"
    BUILT_AT_MISSING = "built-at-missing"
    STATE_MISSING = "state-missing"
    STATE_LINK = "state-link"
    STATE_MODE = "state-mode"
    STATE_OWNER = "state-owner"
    STATE_VOLATILE = "state-volatile"
    STATE_READ_ONLY = "state-read-only"
    STATE_REMOTE = "state-remote"
    STATE_OVERLAY = "state-overlay"
    STATE_NO_BARRIER = "state-no-barrier"
    STATE_IN_SLOT = "state-in-slot"
    STATE_UNREADABLE = "state-unreadable"
    PLAIN_HTTP = "plain-http"
    ONE_URL = "one-url"
    CERTIFICATE_MISSING = "certificate-missing"
    CERTIFICATE_MALFORMED = "certificate-malformed"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_EXPIRES_SOON = "certificate-expires-soon"
    CERTIFICATE_MISMATCH = "certificate-mismatch"
    KEY_READABLE = "key-readable"
    SERVER_NOT_ENROLLED = "server-not-enrolled"
    SERVER_RENEWAL_OVERDUE = "server-renewal-overdue"
    TPM_UNUSED = "tpm-unused"
    COUNTER_OUT_OF_STEP = "counter-out-of-step"
    COUNTER_UNPROVISIONED = "counter-unprovisioned"
    COUNTER_LOST = "counter-lost"
    COUNTER_UNAVAILABLE = "counter-unavailable"
    TPM_OWNER_OPEN = "tpm-owner-open"
    OPEN_PORT = "open-port"
    INSECURE_SERVICE = "insecure-service"
    PASSWORD_EMPTY = "password-empty"  # noqa: S105 the name of a finding
    PASSWORD_WEAK_HASH = "password-weak-hash"  # noqa: S105 the name of a finding
    PASSWORD_FILE_READABLE = "password-file-readable"  # noqa: S105 the name of a finding
    DEFAULT_ACCOUNT = "default-account"
    SSH_EMPTY_PASSWORDS = "ssh-empty-passwords"
    SSH_ROOT_LOGIN = "ssh-root-login"
    FILE_WRITABLE = "file-writable"
    HOOK_MISSING = "hook-missing"
    BOOT_TO_SHELL = "boot-to-shell"
    SERIAL_CONSOLE = "serial-console"
    SECURE_BOOT_OFF = "secure-boot-off"
    REPOSITORY_UNREACHABLE = "repository-unreachable"
    SERVER_UNREACHABLE = "server-unreachable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        code: of ``Code``, or of the server's.
        what: what was seen, one sentence.
        way_out: what to do about it.
    """

    code: StrEnum
    severity: Severity
    what: str
    way_out: str

    def to_fields(self) -> dict[str, object]:
        """The finding as JSON fields (docs/reference/doctor.md, server-doctor.md)."""
        return {
            "code": self.code.value,
            "severity": self.severity.name.lower(),
            "what": self.what,
            "what_to_do": self.way_out,
        }


def note(code: StrEnum, what: str, way_out: str) -> Finding:
    """Something to know; nothing need be done."""
    return Finding(code, Severity.NOTE, what, way_out)


def warning(code: StrEnum, what: str, way_out: str) -> Finding:
    """Something that will hurt some day."""
    return Finding(code, Severity.WARNING, what, way_out)


def error(code: StrEnum, what: str, way_out: str) -> Finding:
    """A device like this must not ship, and a server must not run like this."""
    return Finding(code, Severity.ERROR, what, way_out)
