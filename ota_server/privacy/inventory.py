"""Every column that is about a device, its owner or an operator: what for, and until when.

docs/explanation/privacy.md shows it; a test holds both against the schema, so that nothing is kept that
nobody wrote down.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Subject(StrEnum):
    """Whom a table is about."""

    DEVICE = "device"
    OPERATOR = "operator"
    BOTH = "device and operator"


@dataclass(frozen=True, slots=True)
class Kept:
    """One table that is about somebody.

    Attributes:
        columns: those that are about the subject; the others are numbers of ours.
        why: what they are for.
        until: when they go.
    """

    subject: Subject
    columns: tuple[str, ...]
    why: str
    until: str


_DECOMMISSIONED: Final = "the device is decommissioned"
_ERASED: Final = "the operator is removed or erased"

KEPT: Final[Mapping[str, Kept]] = {
    "devices": Kept(
        Subject.DEVICE,
        (
            *("device_id", "product", "hardware_id", "key_sha256", "status", "created_at"),
            *("certificate_expires_at", "tags", "running_version", "rollback_index", "root_version"),
            *("phase", "inventory_sha256", "failed_at", "penalty_until"),
        ),
        "to know which release it needs, and to let nobody else pass for it",
        _DECOMMISSIONED,
    ),
    "device_seen": Kept(
        Subject.DEVICE, ("seen_at",), "to tell which devices are silent", _DECOMMISSIONED
    ),
    "inventories": Kept(
        Subject.DEVICE,
        ("document", "updated_at"),
        "attributes and slots, as the device sends them: for groups and for help",
        _DECOMMISSIONED,
    ),
    "device_events": Kept(
        Subject.DEVICE,
        ("at", "kind", "version", "rollout_id", "code", "detail"),
        "its history: to find out why an update failed",
        "`device_events_days`, the newest few of each device alone, or the device is decommissioned",
    ),
    "report_streams": Kept(
        Subject.DEVICE,
        ("stream", "sequence", "changed_at"),
        "so that each report is counted once",
        _DECOMMISSIONED,
    ),
    "group_members": Kept(Subject.DEVICE, ("group_id",), "which groups it is in", _DECOMMISSIONED),
    "rollout_devices": Kept(
        Subject.DEVICE,
        (
            *("rollout_id", "wave", "state", "attempts", "version", "consented", "code"),
            *("assigned_at", "changed_at"),
        ),
        "what it was offered, and what came of it",
        _DECOMMISSIONED,
    ),
    "denied_keys": Kept(
        Subject.DEVICE,
        ("key_sha256", "reason", "denied_at"),
        "so that a key that was revoked never comes back; it names no device",
        "never",
    ),
    "enrolment_tokens": Kept(
        Subject.DEVICE,
        ("device_ids", "tags"),
        "which devices a token lets in",
        "it is used up, withdrawn or expired, or its one device is decommissioned",
    ),
    "events": Kept(
        Subject.BOTH,
        ("at", "kind", "product", "device_id", "document"),
        "to tell people what happened; of a proposed rollout who asked for it",
        "`events_days`; a decommissioned device is taken out at once, and of its end after 7 days; the "
        "operator's name: the operator is erased",
    ),
    "subscriptions": Kept(
        Subject.BOTH,
        ("name", "channel", "operator_id", "address", "secret", "filter", "reason", "created_at"),
        "whom to tell, and of what: an owner's or operator's mail address, or a webhook",
        "it is removed, the operator is, or the one device that it is about is decommissioned",
    ),
    "deliveries": Kept(
        Subject.BOTH,
        ("subscription_id", "event_id", "state", "attempts", "at", "http_status", "error"),
        "whether they were told",
        "`deliveries_days`, or the subscription is removed",
    ),
    "operators": Kept(
        Subject.OPERATOR,
        (
            *("name", "mail", "password_hash", "issuer", "subject", "status", "failed_sign_ins"),
            *("locked_until", "created_at", "signed_in_at"),
        ),
        "to let this person in, and nobody else",
        _ERASED,
    ),
    "operator_grants": Kept(Subject.OPERATOR, ("product", "role"), "what this person may do", _ERASED),
    "invitations": Kept(
        Subject.OPERATOR,
        ("code_sha256", "created_at", "expires_at"),
        "a one-time link to choose a password",
        "it is used or expires",
    ),
    "sessions": Kept(
        Subject.OPERATOR,
        ("token_sha256", "created_at", "used_at", "expires_at"),
        "who is signed in",
        "sign-out, or it expires",
    ),
    "api_tokens": Kept(
        Subject.OPERATOR,
        ("name", "token_sha256", "operator_id", "created_at", "expires_at", "used_at"),
        "programs that act for a person",
        "it is withdrawn or expires, or the operator is removed or erased",
    ),
    "api_token_grants": Kept(
        Subject.OPERATOR, ("product", "role"), "what such a program may do", "the token goes"
    ),
    "approvals": Kept(
        Subject.OPERATOR,
        (
            *("asked_by", "asked_operator_id", "asked_at", "decided_by", "decided_at", "verdict"),
            "comment",
        ),
        "that a second person agreed to a rollout",
        "the name: the operator is erased; the rest: never",
    ),
    "audit_entries": Kept(
        Subject.BOTH,
        ("at", "actor_kind", "actor", "action", "product", "target", "detail"),
        "who changed what: without it, nobody could be held to it, and no attack be understood",
        "never",
    ),
    "idempotency_keys": Kept(
        Subject.OPERATOR,
        ("actor", "key", "request_sha256", "status", "body", "at"),
        "so that a request that is repeated is done once; the answer is sealed by the token",
        "24 hours",
    ),
}

# about products, releases and numbers of devices, never about one of them
IMPERSONAL: Final = frozenset(
    {
        *("groups", "rollouts", "rollout_waves", "product_rules", "watch_marks"),
        *("version_counts", "version_history", "release_components"),
        *("weaknesses", "weakness_packages", "weakness_matches"),
    }
)

# keys of ours, which join a table's rows to the subject's
NUMBERS: Final = frozenset({"pk", "id", "device_pk", "operator_id", "token_id", "rollout_id"})
