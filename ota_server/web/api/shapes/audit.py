"""The audit log: who did what."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ota_server.journal.audit_page import AuditFilter
from ota_server.web.api.paging import Answer, PageAnswer, PageQuery
from ota_server.web.shapes import Moment, Name, Shape, moment

_WORD = r"^[a-z0-9._-]*$(?!\n)"

EntryId = Annotated[int, Meta(ge=0, le=2**31 - 1, description="The id of an entry, or 0.")]
Text = Annotated[str, Meta(max_length=200, extra_json_schema={"format": "printable"})]


class AuditQuery(PageQuery, frozen=True):
    """Which entries, and which page of them."""

    product: Name | UnsetType = UNSET
    # such as mia
    actor: Annotated[str, Meta(max_length=64, pattern=r"^[a-z0-9._@-]*$(?!\n)")] = ""
    # such as rollout.pause, or rollout for all that begin so
    action: Annotated[str, Meta(max_length=64, pattern=_WORD)] = ""
    target: Text = ""
    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET

    def to_filter(self) -> AuditFilter:
        """In the domain's words."""
        return AuditFilter(
            product="" if self.product is UNSET else self.product,
            actor=self.actor,
            action=self.action,
            target=self.target,
            since=None if self.since is UNSET else moment(self.since, "$.since"),
            until=None if self.until is UNSET else moment(self.until, "$.until"),
        )


class AuditExportQuery(Shape, frozen=True):
    """From where on."""

    # only what was written behind it
    behind: EntryId = 0


class EntryAnswer(Answer, frozen=True):
    """One entry."""

    id: Annotated[int, Meta(description="Its place: from 1, without gaps.")]
    at: Moment
    actor_kind: Annotated[str, Meta(description="operator, token, machine")]
    actor: str
    action: Annotated[str, Meta(examples=["rollout.pause"])]
    product: Annotated[str, Meta(description="Empty for what concerns none.")]
    target: str
    detail: dict[str, Any]
    sha256: Annotated[str, Meta(description="Over all of it and over the one before.")]


class EntriesAnswer(PageAnswer, frozen=True):
    """A page of entries, the newest first."""

    items: list[EntryAnswer]


class VerifiedAnswer(Answer, frozen=True):
    """A log whose chain holds."""

    entries: int
    sha256: Annotated[str, Meta(description="Of the last one; keep it elsewhere.")]
