"""What the doctor finds: a stable code, how bad it is, what was seen, what to do."""

from dataclasses import dataclass
from enum import StrEnum

from ota_client.doctor.finding import Severity


class Code(StrEnum):
    """Every finding there is (docs/reference/server-doctor.md)."""

    UNSEEN = "unseen"
    PLAIN_HTTP = "plain-http"
    METRICS_FOR_ALL = "metrics-for-all"
    PLAIN_BUCKET = "plain-bucket"
    PLAIN_WEBHOOKS = "plain-webhooks"
    PLAIN_MAIL = "plain-mail"
    PUBLIC_URL_LOCAL = "public-url-local"
    IDENTITY_NONE = "identity-none"
    ROOT_NOT_PINNED = "root-not-pinned"
    CERTIFICATE_UNREADABLE = "certificate-unreadable"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_EXPIRES_SOON = "certificate-expires-soon"
    CERTIFICATE_WEAK_KEY = "certificate-weak-key"
    CERTIFICATE_NOT_SERVED = "certificate-not-served"
    SERVER_UNREACHABLE = "server-unreachable"
    TLS_OLD = "tls-old"
    TLS_WEAK_CIPHER = "tls-weak-cipher"
    ROUTE_OPEN = "route-open"
    FILE_MISSING = "file-missing"
    FILE_READABLE = "file-readable"
    FILE_WRITABLE = "file-writable"
    AUTHORITY_KEY_HERE = "authority-key-here"
    SECRET_WEAK = "secret-weak"  # noqa: S105 - the name of a finding
    CLOCK_BEHIND = "clock-behind"
    BACKUP_MISSING = "backup-missing"
    BACKUP_OLD = "backup-old"
    NOTHING_PUBLISHED = "nothing-published"
    METADATA_REFUSED = "metadata-refused"
    METADATA_EXPIRED = "metadata-expired"
    METADATA_EXPIRES_SOON = "metadata-expires-soon"
    DISK_NEARLY_FULL = "disk-nearly-full"
    DATABASE_UNREACHABLE = "database-unreachable"
    DATABASE_SCHEMA = "database-schema"
    DATABASE_DAMAGED = "database-damaged"
    POSTGRESQL_FSYNC = "postgresql-fsync"
    POSTGRESQL_COMMIT = "postgresql-commit"
    POSTGRESQL_PLAIN = "postgresql-plain"
    ADMIN_MISSING = "admin-missing"
    ADMIN_ALONE = "admin-alone"
    OPERATOR_AWAY = "operator-away"
    TOKEN_UNUSED = "token-unused"  # noqa: S105 - the name of a finding
    AUDIT_BROKEN = "audit-broken"
    DELIVERY_DEAD = "delivery-dead"
    DELIVERY_STUCK = "delivery-stuck"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        what: what was seen, one sentence.
        way_out: what to do about it.
    """

    code: Code
    severity: Severity
    what: str
    way_out: str

    def to_fields(self) -> dict[str, object]:
        """The finding as JSON fields (docs/reference/server-doctor.md)."""
        return {
            "code": self.code.value,
            "severity": self.severity.name.lower(),
            "what": self.what,
            "what_to_do": self.way_out,
        }


def note(code: Code, what: str, way_out: str) -> Finding:
    """Something to know; nothing need be done."""
    return Finding(code, Severity.NOTE, what, way_out)


def warning(code: Code, what: str, way_out: str) -> Finding:
    """Something that will hurt some day."""
    return Finding(code, Severity.WARNING, what, way_out)


def error(code: Code, what: str, way_out: str) -> Finding:
    """A server must not run like this."""
    return Finding(code, Severity.ERROR, what, way_out)
