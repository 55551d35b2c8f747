"""The tables of people and what they did. Times are whole seconds since 1970, UTC; JSON is canonical.

No secret is kept that could be used: of passwords there is an argon2id hash, of tokens, links and
sessions the sha256 of 32 random bytes.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from ota_server.database.metadata import metadata

_OPERATOR = "operators.id"

operators = Table(
    "operators",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    # where mail for this person goes; empty for none
    Column("mail", String(254), nullable=False, server_default=""),
    # argon2id in its own notation; empty before the first, and for those who come by OIDC
    Column("password_hash", Text, nullable=False, server_default=""),
    # of an identity provider; NULL for a local operator
    Column("issuer", Text),
    Column("subject", Text),
    # invited, active, disabled
    Column("status", String(16), nullable=False),
    # since the last success (B12)
    Column("failed_sign_ins", Integer, nullable=False, server_default="0"),
    Column("locked_until", BigInteger, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("signed_in_at", BigInteger),
    UniqueConstraint("issuer", "subject"),
    sqlite_autoincrement=True,
)

operator_grants = Table(
    "operator_grants",
    metadata,
    Column("operator_id", Integer, ForeignKey(_OPERATOR, ondelete="CASCADE"), primary_key=True),
    # a product, or "*"
    Column("product", String(64), primary_key=True),
    # viewer, operator, approver, admin
    Column("role", String(16), nullable=False),
)

# one-time links: a first or a new password
invitations = Table(
    "invitations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code_sha256", String(64), nullable=False, unique=True),
    Column("operator_id", Integer, ForeignKey(_OPERATOR, ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column(
        "operator_id", Integer, ForeignKey(_OPERATOR, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("token_sha256", String(64), nullable=False, unique=True),
    # whose it is: it ends with this operator; NULL if a command on the server's machine made it
    Column("operator_id", Integer, ForeignKey(_OPERATOR, ondelete="CASCADE")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    sqlite_autoincrement=True,
)

api_token_grants = Table(
    "api_token_grants",
    metadata,
    Column("token_id", Integer, ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("product", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
)

# every change that a person, a token or a command made; append-only, each entry names the one before
audit_entries = Table(
    "audit_entries",
    metadata,
    # given in the order of commits, from 1, without gaps: the journal is written under one lock
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    # operator, token, machine
    Column("actor_kind", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    # such as rollout.pause
    Column("action", String(64), nullable=False),
    # empty for what concerns no product
    Column("product", String(64), nullable=False, server_default=""),
    Column("target", String(200), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("previous_sha256", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Index(None, "product", "id"),
)

# what an operator decided for a whole product
product_rules = Table(
    "product_rules",
    metadata,
    Column("product", String(64), primary_key=True),
    # a rollout needs a second person's approval
    Column("needs_approval", Boolean, nullable=False, server_default="0"),
)

# who made a rollout, and, where a second person has to agree, who decided
approvals = Table(
    "approvals",
    metadata,
    Column("rollout_id", Integer, ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
    # the actor's kind and name, as in the audit log: who asked may not decide
    Column("asked_by", String(80), nullable=False),
    # whose account that is, so that one person's token and session count as one; no number comes twice
    Column("asked_operator_id", Integer),
    Column("asked_at", BigInteger, nullable=False),
    Column("decided_by", String(80)),
    Column("decided_at", BigInteger),
    # approved, rejected; NULL while nobody decided
    Column("verdict", String(16)),
    Column("comment", Text, nullable=False, server_default=""),
)

# an answer that was given once is given again to the same request (RFC draft "Idempotency-Key")
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor", String(80), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)
