"""The fleet's tables. Times are whole seconds since 1970, UTC; JSON is canonical text.

One shape for SQLite and PostgreSQL. What a page shows is kept as a counter in the transaction that
changes it; nothing is counted over events to draw it. No number of a device, an assignment or a token is
given twice (``sqlite_autoincrement``): what is under way for one that is gone must not be taken for the
next one's (B03, B06).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ota_server.database.metadata import metadata

# states of a rollout's device in which it may still get an assignment, or has one
OPEN_STATES = ("pending", "assigned", "downloading", "installed", "trial")
# ... and in which it counts as updating: it holds one of the rollout's places
IN_FLIGHT_STATES = ("assigned", "downloading", "installed", "trial")

_OPEN = text(f"state IN {OPEN_STATES}")
# word for word as queries have it, so that SQLite sees that an index fits
IS_BAD = text("rollout_devices.state IN ('failed', 'fell_back')")
HAS_FALLEN_BACK = text("rollout_devices.state = 'fell_back'")
_BAD = text("state IN ('failed', 'fell_back')")
_FELL_BACK = text("state = 'fell_back'")
_DEVICE = "devices.pk"
_ROLLOUT = "rollouts.id"


def _device_key() -> Column[int]:
    return Column("device_pk", Integer, ForeignKey(_DEVICE, ondelete="CASCADE"), primary_key=True)


devices = Table(
    "devices",
    metadata,
    Column("pk", Integer, primary_key=True),
    # in the order of its bytes whatever the database's language: pages and prefixes go by an index
    Column(
        "device_id",
        String(64).with_variant(String(64, collation="C"), "postgresql"),
        nullable=False,
        unique=True,
    ),
    Column("product", String(64), nullable=False),
    Column("hardware_id", String(64), nullable=False),
    # of the public key (SubjectPublicKeyInfo), hexadecimal: the device's identity
    Column("key_sha256", String(64), nullable=False, unique=True),
    # active, revoked; a decommissioned device has no row
    Column("status", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("certificate_expires_at", BigInteger, nullable=False),
    Column("tags", Text, nullable=False, server_default="[]"),
    # what the device last said of itself; NULL before its first check-in
    Column("running_version", String(64)),
    Column("rollback_index", BigInteger),
    Column("root_version", BigInteger),
    Column("phase", String(16)),
    Column("inventory_sha256", String(64)),
    # the penalty box: when it failed lately (JSON list of times), and until when it is offered nothing
    Column("failed_at", Text, nullable=False, server_default="[]"),
    Column("penalty_until", BigInteger, nullable=False, server_default="0"),
    Index(None, "product", "device_id"),
    # pages of those that run something, such as a release with a weakness
    Index(None, "running_version", "product", "device_id"),
    sqlite_autoincrement=True,
)

# narrow and by itself: it is written at each check-in, and no index has to follow
device_seen = Table(
    "device_seen",
    metadata,
    _device_key(),
    Column("seen_at", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "70"},
)

# attributes and slots as the device sent them: canonical JSON {"attributes": {...}, "slots": [...]}
inventories = Table(
    "inventories",
    metadata,
    _device_key(),
    Column("document", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

device_events = Table(
    "device_events",
    metadata,
    # BIGSERIAL in PostgreSQL; SQLite numbers rows by INTEGER alone
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("device_pk", Integer, ForeignKey(_DEVICE, ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),
    # enrolled, renewed, revoked, ... or a report's state
    Column("kind", String(32), nullable=False),
    Column("version", String(64)),
    Column("rollout_id", Integer),
    Column("code", String(64), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Index(None, "device_pk", "id"),
)

# the last report that was counted, by device and by queue (B06): each report is counted once
report_streams = Table(
    "report_streams",
    metadata,
    _device_key(),
    Column("stream", String(32), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

# keys that never come back (B05); all that is left of a decommissioned device
denied_keys = Table(
    "denied_keys",
    metadata,
    Column("key_sha256", String(64), primary_key=True),
    Column("reason", String(32), nullable=False),
    Column("denied_at", BigInteger, nullable=False),
)

enrolment_tokens = Table(
    "enrolment_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("product", String(64), nullable=False),
    # a glob over device ids: "cam-0042" or "cam-*"
    Column("device_ids", String(64), nullable=False),
    Column("tags", Text, nullable=False, server_default="[]"),
    Column("uses_left", Integer, nullable=False),
    # for one device by name: gives a known device id to a new key
    Column("rekey", Boolean, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    CheckConstraint("uses_left >= 0", name="uses_left"),
    sqlite_autoincrement=True,
)

groups = Table(
    "groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("product", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("query", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # how many devices are in it
    Column("devices", Integer, nullable=False, server_default="0"),
    UniqueConstraint("product", "name"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", Integer, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    _device_key(),
    Index(None, "device_pk"),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("product", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("group_id", Integer, ForeignKey("groups.id"), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    # waves, conditions, windows: canonical JSON of ota_server.rollouts.plan.RolloutPlan
    Column("plan", Text, nullable=False),
    Column("salt", String(32), nullable=False),
    # the last wave that is open; 0 before the first
    Column("wave", Integer, nullable=False, server_default="0"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("max_in_flight", Integer, nullable=False),
    Column("in_flight", Integer, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    # rises with each change of state, wave or plan, so that caches notice
    Column("revision", Integer, nullable=False, server_default="0"),
    # why it is halted, paused or aborted
    Column("reason", Text, nullable=False, server_default=""),
    UniqueConstraint("product", "name"),
    # the last guard of the limit, whatever the code does (B08)
    CheckConstraint("in_flight >= 0 AND in_flight <= max_in_flight", name="in_flight"),
)

rollout_waves = Table(
    "rollout_waves",
    metadata,
    Column("rollout_id", Integer, ForeignKey(_ROLLOUT, ondelete="CASCADE"), primary_key=True),
    # from 1
    Column("number", Integer, primary_key=True),
    Column("members", Integer, nullable=False, server_default="0"),
    # how many are updating now; of all waves together as many as the rollout has in flight
    Column("assigned", Integer, nullable=False, server_default="0"),
    Column("succeeded", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("fell_back", Integer, nullable=False, server_default="0"),
    # genuine but not for this device, or the owner said no: answered, neither well nor badly
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("silent", Integer, nullable=False, server_default="0"),
    # members no longer: they left the group, were revoked, or the rollout was aborted before their turn
    Column("withdrawn", Integer, nullable=False, server_default="0"),
    # what had been answered when an operator last resumed; the halt condition looks at what came since
    Column("base_answered", Integer, nullable=False, server_default="0"),
    Column("base_bad", Integer, nullable=False, server_default="0"),
    Column("opened_at", BigInteger),
    # since when its success condition holds
    Column("met_at", BigInteger),
)

rollout_devices = Table(
    "rollout_devices",
    metadata,
    # the assignment's id: positive, 32 bits, decimal, as foreign device protocols need it
    Column("id", Integer, primary_key=True),
    Column("rollout_id", Integer, ForeignKey(_ROLLOUT, ondelete="CASCADE"), nullable=False),
    Column("device_pk", Integer, ForeignKey(_DEVICE, ondelete="CASCADE"), nullable=False),
    Column("wave", Integer, nullable=False),
    # pending, assigned, downloading, installed, trial, succeeded, failed, fell_back, refused, silent,
    # withdrawn
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # what was assigned: the rollout's release, or the stepping stone before it
    Column("version", String(64)),
    Column("consented", Boolean, nullable=False, server_default="0"),
    Column("code", String(64), nullable=False, server_default=""),
    Column("assigned_at", BigInteger),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("rollout_id", "device_pk"),
    Index(None, "rollout_id", "wave", "state"),
    # what a check-in looks up: few rows, whatever has been rolled out before
    Index("ix_rollout_devices_open", "device_pk", postgresql_where=_OPEN, sqlite_where=_OPEN),
    # what went wrong, for pages: few rows, and none while all goes well
    Index(
        "ix_rollout_devices_bad",
        *("rollout_id", "state", "code", "device_pk"),
        postgresql_where=_BAD,
        sqlite_where=_BAD,
    ),
    Index(
        "ix_rollout_devices_fell_back",
        *("rollout_id", "changed_at"),
        postgresql_where=_FELL_BACK,
        sqlite_where=_FELL_BACK,
    ),
    sqlite_autoincrement=True,
)
