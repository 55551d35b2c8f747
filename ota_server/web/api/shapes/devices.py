"""Devices, as they are asked for and answered."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from ota_client.formats.strict import NAME_LONGEST
from ota_client.formats.version import Version
from ota_server.devices.device_list import DeviceFilter
from ota_server.devices.tags import TAGS_MOST
from ota_server.web.api.paging import Answer, Cursor, Limit, PageAnswer, given
from ota_server.web.shapes import Count, Moment, Name, Shape, VersionText, moment

REASON_LONGEST = 200

Reason = Annotated[
    str,
    Meta(
        max_length=REASON_LONGEST,
        pattern=r"^[^\u0000-\u001f\u007f]*$(?!\n)",
        description="One line for the records.",
        extra_json_schema={"format": "printable"},
    ),
]
Tags = Annotated[list[Name], Meta(max_length=TAGS_MOST, description="Names; no others stay.")]
DeviceStatus = Literal["active", "revoked"]
Phase = Literal["idle", "installed", "trial"]


class DevicesExportQuery(Shape, frozen=True):
    """Which devices."""

    product: Name | UnsetType = UNSET
    # of this product's group of this name
    group: Name | UnsetType = UNSET
    version: VersionText | UnsetType = UNSET
    # their ids begin with it
    prefix: (
        Annotated[str, Meta(min_length=1, max_length=NAME_LONGEST, pattern=r"^[a-z0-9._-]+$(?!\n)")]
        | UnsetType
    ) = UNSET
    status: DeviceStatus | UnsetType = UNSET
    tag: Name | UnsetType = UNSET
    phase: Phase | UnsetType = UNSET
    # not seen since; one that never was seen counts from its enrolment
    seen_before: Moment | UnsetType = UNSET

    def to_filter(self) -> DeviceFilter:
        """In the domain's words."""
        return DeviceFilter(
            product=given(self.product),
            group=given(self.group),
            version=None if self.version is UNSET else Version.parse(self.version),
            text=given(self.prefix),
            status=given(self.status),
            tag=given(self.tag),
            phase=given(self.phase),
            seen_before=(
                None if self.seen_before is UNSET else moment(self.seen_before, "$.seen_before")
            ),
        )


class DevicesQuery(DevicesExportQuery, frozen=True):
    """Which devices, and which page of them."""

    limit: Limit = 100
    after: Cursor | UnsetType = UNSET


class HistoryQuery(Shape, frozen=True):
    """How much of a device's history."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 100


class TagsBody(Shape, frozen=True):
    """The tags that a device is to have."""

    tags: Tags


class ReasonBody(Shape, frozen=True):
    """Why something is done."""

    reason: Reason = ""


class DeviceAnswer(Answer, frozen=True):
    """One device. What is null is not known before its first check-in."""

    device_id: Name
    product: Name
    hardware_id: Name
    key_sha256: Annotated[str, Meta(description="Of its public key: its identity.")]
    status: str
    created_at: Moment
    certificate_expires_at: Moment
    tags: list[str]
    running_version: VersionText | None
    rollback_index: Count | None
    root_version: Annotated[Count | None, Meta(description="Of the TUF root that it trusts.")]
    phase: str | None
    seen_at: Moment | None
    penalty_until: Annotated[Moment | None, Meta(description="It is offered nothing before.")]
    offered_version: Annotated[VersionText | None, Meta(description="Of the rollout that it is in.")]


class DevicesAnswer(PageAnswer, frozen=True):
    """A page of devices, in the order of their ids."""

    items: list[DeviceAnswer]


class InventoryAnswer(Answer, frozen=True):
    """What a device said of itself."""

    attributes: dict[str, str | int | bool]
    slots: list[dict[str, str | bool | None]]
    updated_at: Moment


class PlaceAnswer(Answer, frozen=True):
    """A device's place in a rollout."""

    rollout_id: int
    rollout: str
    rollout_state: str
    version: VersionText
    wave: int
    state: str
    attempts: int
    code: str
    changed_at: Moment


class DeviceDetailsAnswer(Answer, frozen=True):
    """All that is known of a device but its history."""

    device: DeviceAnswer
    inventory: InventoryAnswer | None
    groups: list[str]
    places: Annotated[list[PlaceAnswer], Meta(description="In rollouts, the newest first.")]
    consent_wanted: Annotated[list[int], Meta(description="The rollouts that wait for its owner.")]


class HistoryEntryAnswer(Answer, frozen=True):
    """One thing that happened to a device."""

    at: Moment
    kind: str
    version: VersionText | None
    rollout: int | None
    code: str
    detail: str


class HistoryAnswer(Answer, frozen=True):
    """What happened to a device, the newest first."""

    items: list[HistoryEntryAnswer]


class TagsAnswer(Answer, frozen=True):
    """The tags that a device has now."""

    device_id: Name
    tags: list[str]


class ErasedAnswer(Answer, frozen=True):
    """How many rows a device had."""

    devices: int
    last_seen: int
    inventories: int
    events: int
    report_streams: int
    groups: int
    rollouts: int
    tokens: int
