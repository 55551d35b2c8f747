"""The tables of what happened and who is told. Times are whole seconds since 1970, UTC."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from ota_server.database.metadata import metadata

_SUBSCRIPTION = "subscriptions.id"

events = Table(
    "events",
    metadata,
    # in the order of commits: a reader that has seen an id has seen all below it
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    # such as rollout.halted; docs/reference/events.md has each one's schema
    Column("kind", String(48), nullable=False),
    # of that schema
    Column("version", Integer, nullable=False),
    Column("product", String(64), nullable=False, server_default=""),
    Column("device_id", String(64), nullable=False, server_default=""),
    # of an advisory: none, low, medium, high, critical; empty for other events
    Column("severity", String(16), nullable=False, server_default=""),
    # canonical JSON of the kind's own fields
    Column("document", Text, nullable=False),
    Index(None, "product", "id"),
    # a device is taken out of what was told of it, in the transaction that ends it
    Index(None, "device_id", "id"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    # webhook, mail, feed
    Column("channel", String(16), nullable=False),
    # an operator who made it sees through it what the operator may see, as long as that is; NULL if a
    # command made it
    Column("operator_id", Integer, ForeignKey("operators.id", ondelete="CASCADE")),
    # a URL, or a mail address; empty for a feed
    Column("address", Text, nullable=False, server_default=""),
    # of a webhook, sealed with the server's own key; of a feed the sha256 of its token; empty for mail
    Column("secret", Text, nullable=False, server_default=""),
    # canonical JSON of ota_server.notify.subscription.Filter
    Column("filter", Text, nullable=False),
    # active, paused
    Column("status", String(16), nullable=False),
    # why it is paused
    Column("reason", String(200), nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    # the last event that is done with
    Column("position", Integer, nullable=False),
    # failed ones in a row, since when, and before when there is no other
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("failing_since", BigInteger),
    Column("next_at", BigInteger, nullable=False, server_default="0"),
    # one process at a time sends for a subscription: so its events keep their order
    Column("lease", String(32), nullable=False, server_default=""),
    Column("leased_until", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("subscription_id", Integer, ForeignKey(_SUBSCRIPTION, ondelete="CASCADE"), nullable=False),
    # 0 is a test, which is no event
    Column("event_id", Integer, nullable=False),
    # waiting (it failed, and is tried again), delivered, dead (given up), resend (a person asked for it)
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("http_status", Integer),
    Column("error", String(200), nullable=False, server_default=""),
    Index(None, "subscription_id", "event_id", unique=True),
    Index(None, "subscription_id", "state"),
)

# what those that look at time and files have told already: a JSON value by name
watch_marks = Table(
    "watch_marks",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
