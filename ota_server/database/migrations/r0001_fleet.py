"""The fleet's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    _denied_keys()
    _devices()
    _enrolment_tokens()
    _groups()
    _device_events()
    _device_seen()
    _group_members()
    _inventories()
    _report_streams()
    _rollouts()
    _rollout_devices()
    _rollout_waves()


def _denied_keys() -> None:
    op.create_table(
        "denied_keys",
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("denied_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_sha256", name=op.f("pk_denied_keys")),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column(
            "device_id",
            sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("product", sa.String(length=64), nullable=False),
        sa.Column("hardware_id", sa.String(length=64), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("certificate_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("running_version", sa.String(length=64), nullable=True),
        sa.Column("rollback_index", sa.BigInteger(), nullable=True),
        sa.Column("root_version", sa.BigInteger(), nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("inventory_sha256", sa.String(length=64), nullable=True),
        sa.Column("failed_at", sa.Text(), server_default="[]", nullable=False),
        sa.Column("penalty_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_devices")),
        sa.UniqueConstraint("device_id", name=op.f("uq_devices_device_id")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_devices_key_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_devices_product_device_id"), "devices", ["product", "device_id"], unique=False
    )
    op.create_index(op.f("ix_devices_running_version"), "devices", ["running_version"], unique=False)


def _enrolment_tokens() -> None:
    op.create_table(
        "enrolment_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("product", sa.String(length=64), nullable=False),
        sa.Column("device_ids", sa.String(length=64), nullable=False),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("rekey", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_enrolment_tokens_uses_left")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_enrolment_tokens_token_sha256")),
        sqlite_autoincrement=True,
    )


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("devices", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("product", "name", name=op.f("uq_groups_product_name")),
    )


def _device_events() -> None:
    op.create_table(
        "device_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_pk", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("rollout_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=64), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["device_pk"], ["devices.pk"], name=op.f("fk_device_events_device_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_events")),
    )
    op.create_index(
        op.f("ix_device_events_device_pk_id"), "device_events", ["device_pk", "id"], unique=False
    )


def _device_seen() -> None:
    op.create_table(
        "device_seen",
        sa.Column("device_pk", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_pk"], ["devices.pk"], name=op.f("fk_device_seen_device_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_pk", name=op.f("pk_device_seen")),
        postgresql_with={"fillfactor": "70"},
    )


def _group_members() -> None:
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("device_pk", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_pk"], ["devices.pk"], name=op.f("fk_group_members_device_pk"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "device_pk", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_device_pk"), "group_members", ["device_pk"], unique=False)


def _inventories() -> None:
    op.create_table(
        "inventories",
        sa.Column("device_pk", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_pk"], ["devices.pk"], name=op.f("fk_inventories_device_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_pk", name=op.f("pk_inventories")),
    )


def _report_streams() -> None:
    op.create_table(
        "report_streams",
        sa.Column("device_pk", sa.Integer(), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_pk"], ["devices.pk"], name=op.f("fk_report_streams_device_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_pk", "stream", name=op.f("pk_report_streams")),
    )


def _rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("wave", sa.Integer(), server_default="0", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_in_flight", sa.Integer(), nullable=False),
        sa.Column("in_flight", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "in_flight >= 0 AND in_flight <= max_in_flight", name=op.f("ck_rollouts_in_flight")
        ),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_rollouts_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
        sa.UniqueConstraint("product", "name", name=op.f("uq_rollouts_product_name")),
    )
    op.create_index(op.f("ix_rollouts_state"), "rollouts", ["state"], unique=False)


def _rollout_devices() -> None:
    op.create_table(
        "rollout_devices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rollout_id", sa.Integer(), nullable=False),
        sa.Column("device_pk", sa.Integer(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("consented", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("code", sa.String(length=64), server_default="", nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_pk"], ["devices.pk"], name=op.f("fk_rollout_devices_device_pk"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["rollout_id"],
            ["rollouts.id"],
            name=op.f("fk_rollout_devices_rollout_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout_devices")),
        sa.UniqueConstraint(
            "rollout_id", "device_pk", name=op.f("uq_rollout_devices_rollout_id_device_pk")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_rollout_devices_open",
        "rollout_devices",
        ["device_pk"],
        unique=False,
        postgresql_where=sa.text(
            "state IN ('pending', 'assigned', 'downloading', 'installed', 'trial')"
        ),
        sqlite_where=sa.text("state IN ('pending', 'assigned', 'downloading', 'installed', 'trial')"),
    )
    op.create_index(
        op.f("ix_rollout_devices_rollout_id_wave_state"),
        "rollout_devices",
        ["rollout_id", "wave", "state"],
        unique=False,
    )


def _rollout_waves() -> None:
    op.create_table(
        "rollout_waves",
        sa.Column("rollout_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("members", sa.Integer(), server_default="0", nullable=False),
        sa.Column("assigned", sa.Integer(), server_default="0", nullable=False),
        sa.Column("succeeded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fell_back", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("silent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("withdrawn", sa.Integer(), server_default="0", nullable=False),
        sa.Column("base_answered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("base_bad", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("met_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_rollout_waves_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rollout_id", "number", name=op.f("pk_rollout_waves")),
    )
