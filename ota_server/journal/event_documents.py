"""The schema of each kind of event, once: for who records one, who is sent one, and the reference.

Who records an event hands in a plain mapping; :func:`checked` holds it to its kind's schema at once.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ota_server.journal.event_kind import EventKind

VersionText = Annotated[str, Meta(examples=["1.4.2"])]
TimeText = Annotated[str, Meta(examples=["2026-11-22T08:00:00Z"])]


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind's own fields."""


class Fix(Document, frozen=True):
    """A weakness that the release mends, as its signed manifest says."""

    id: Annotated[str, Meta(description="such as CVE-2026-1234")]
    severity: Annotated[str, Meta(description="none, low, medium, high or critical")]
    summary: Annotated[str, Meta(description="what the weakness is")]
    action: Annotated[str, Meta(description="what the owner should do")]
    fixed_in: Annotated[VersionText, Meta(description="the first release that mends it")]
    exposed_devices: Annotated[int, Meta(description="how many devices run without the fix")]
    exposed_versions: Annotated[
        tuple[VersionText | None, ...], Meta(description="what they run; null before the first check-in")
    ]


class BroughtIn(Document, frozen=True):
    """A weakness that the release has and the one before had not, as its SBOM and advisories say."""

    id: Annotated[str, Meta(description="such as CVE-2026-1234")]
    severity: Annotated[str, Meta(description="as of a Fix; empty if no source says")]
    summary: Annotated[str, Meta(description="what the weakness is")]
    action: Annotated[str, Meta(description="what to do about it; empty if no source says")]
    components: Annotated[tuple[str, ...], Meta(description="what has it, as package URLs")]


class RunningVersion(Document, frozen=True):
    """How many devices run something."""

    version: Annotated[VersionText | None, Meta(description="null before the first check-in")]
    devices: Annotated[int, Meta(description="how many")]


class ExposedDevices(Document, frozen=True):
    """Which devices run without at least one of the fixes."""

    devices: Annotated[int, Meta(description="how many")]
    of: Annotated[int, Meta(description="how many devices the product has")]
    first: Annotated[tuple[str, ...], Meta(description="the ids of the first 100, in order")]
    versions: Annotated[tuple[RunningVersion, ...], Meta(description="what they run")]


class ReleasePublished(Document, frozen=True):
    """A release can be installed: what it mends, what owners should do, which devices wait for it."""

    version: Annotated[VersionText, Meta(description="of the release")]
    rollback_index: Annotated[int, Meta(description="devices that ran it refuse lower ones")]
    hardware_ids: Annotated[tuple[str, ...], Meta(description="which devices it is for")]
    created_at: Annotated[TimeText, Meta(description="when it was made")]
    manifest_sha256: Annotated[str, Meta(description="the release's identity")]
    notes: Annotated[str, Meta(description="the release engineer's")]
    fixes: Annotated[tuple[Fix, ...], Meta(description="what it mends against the release before")]
    exposed: Annotated[ExposedDevices, Meta(description="who needs it, when it was published")]
    brings_in: Annotated[
        tuple[BroughtIn, ...], Meta(description="what it brings in, as was known then: the worst 100")
    ] = ()


class _Rollout(Document, frozen=True):
    rollout_id: Annotated[int, Meta(description="its number")]
    rollout: Annotated[str, Meta(description="its name")]
    version: Annotated[VersionText, Meta(description="what it brings")]


class RolloutProposed(_Rollout, frozen=True):
    """Somebody asked for a rollout; another person has to approve it."""

    asked_by: Annotated[str, Meta(description="who, such as operator:mia")] = ""


class RolloutStarted(_Rollout, frozen=True):
    """A rollout began to offer its release."""


class RolloutHalted(_Rollout, frozen=True):
    """A rollout stopped by itself: too many devices failed. A person has to look."""

    reason: Annotated[str, Meta(description="the condition that was met")]
    wave: Annotated[int, Meta(description="the last open one")] = 0


class RolloutFinished(_Rollout, frozen=True):
    """All devices of a rollout have answered."""

    reason: Annotated[str, Meta(description="if it ended in another way than planned")] = ""
    succeeded: Annotated[int, Meta(description="devices")] = 0
    failed: Annotated[int, Meta(description="devices")] = 0
    fell_back: Annotated[int, Meta(description="devices")] = 0


class RolloutAborted(_Rollout, frozen=True):
    """A person ended a rollout, or said no to one that was proposed."""

    reason: Annotated[str, Meta(description="what that person gave")] = ""


class DeviceEnrolled(Document, frozen=True):
    """A device has a certificate, and may check in."""

    hardware_id: Annotated[str, Meta(description="its kind")]
    rekeyed: Annotated[bool, Meta(description="a known device that got another key")] = False


class DeviceFellBack(Document, frozen=True):
    """A device started a release, gave it up, and runs the one before."""

    version: Annotated[VersionText | None, Meta(description="what it gave up")]
    running_version: Annotated[VersionText | None, Meta(description="what it runs")] = None
    rollout_id: Annotated[int | None, Meta(description="which rollout brought it")] = None
    rollout: Annotated[str, Meta(description="its name")] = ""
    code: Annotated[str, Meta(description="of the error, if the device gave one")] = ""
    detail: Annotated[str, Meta(description="in the device's words")] = ""


class DeviceSilent(Document, frozen=True):
    """A device has not come for longer than ``[notifications] silent_after_s``."""

    seen_at: Annotated[TimeText, Meta(description="when it came last, or was enrolled")]
    running_version: Annotated[VersionText | None, Meta(description="what it then ran")]


class DeviceRevoked(Document, frozen=True):
    """A device is refused from now on."""

    reason: Annotated[str, Meta(description="if one was given")] = ""


class DeviceDecommissioned(Document, frozen=True):
    """A device was erased, and does not come back."""

    reason: Annotated[str, Meta(description="if one was given")] = ""


class CertificateExpiring(Document, frozen=True):
    """A certificate ends soon."""

    whose: Annotated[str, Meta(description="server, device-authority, factory-authority or devices")]
    expires_at: Annotated[TimeText, Meta(description="when; of devices the first")]
    name: Annotated[str, Meta(description="its file; empty for devices")] = ""
    devices: Annotated[int, Meta(description="how many devices' certificates")] = 0
    first: Annotated[tuple[str, ...], Meta(description="the ids of the first 100 devices")] = ()
    until: Annotated[str, Meta(description="of devices: those that end by then; else empty")] = ""


class MetadataExpiring(Document, frozen=True):
    """Signed metadata ends soon; devices then refuse everything until it is renewed."""

    role: Annotated[str, Meta(description="root, targets, snapshot, timestamp or the product's")]
    expires_at: Annotated[TimeText, Meta(description="when")]


class RootChanged(Document, frozen=True):
    """Another root is published: keys or thresholds changed. Ask the release engineers if they know."""

    root_version: Annotated[int, Meta(description="of the root that devices trust now")]
    before: Annotated[int, Meta(description="of the one before")]


class AdvisoryMatch(Document, frozen=True):
    """A release that has the weakness."""

    product: Annotated[str, Meta(description="whose")]
    version: Annotated[VersionText, Meta(description="which")]
    devices: Annotated[int, Meta(description="how many devices run it")] = 0


class AdvisoryImported(Document, frozen=True):
    """An advisory of somebody else was imported and matches what runs here."""

    id: Annotated[str, Meta(description="such as CVE-2026-1234")]
    source: Annotated[str, Meta(description="osv or csaf")]
    summary: Annotated[str, Meta(description="what the weakness is")]
    devices: Annotated[int, Meta(description="how many devices run something with it")] = 0
    matches: Annotated[tuple[AdvisoryMatch, ...], Meta(description="releases that have it")] = ()


DOCUMENTS: Final[Mapping[EventKind, type[Document]]] = {
    EventKind.RELEASE_PUBLISHED: ReleasePublished,
    EventKind.ROLLOUT_PROPOSED: RolloutProposed,
    EventKind.ROLLOUT_STARTED: RolloutStarted,
    EventKind.ROLLOUT_HALTED: RolloutHalted,
    EventKind.ROLLOUT_FINISHED: RolloutFinished,
    EventKind.ROLLOUT_ABORTED: RolloutAborted,
    EventKind.DEVICE_ENROLLED: DeviceEnrolled,
    EventKind.DEVICE_FELL_BACK: DeviceFellBack,
    EventKind.DEVICE_SILENT: DeviceSilent,
    EventKind.DEVICE_REVOKED: DeviceRevoked,
    EventKind.DEVICE_DECOMMISSIONED: DeviceDecommissioned,
    EventKind.CERTIFICATE_EXPIRING: CertificateExpiring,
    EventKind.METADATA_EXPIRING: MetadataExpiring,
    EventKind.ROOT_CHANGED: RootChanged,
    EventKind.ADVISORY_IMPORTED: AdvisoryImported,
}


def checked(kind: EventKind, document: Mapping[str, object]) -> dict[str, object]:
    """The document with all fields of its schema.

    Raises:
        TypeError: it is not what its kind's schema says, which is an error of the program.
    """
    try:
        made = msgspec.convert(dict(document), type=DOCUMENTS[kind])
    except msgspec.ValidationError as e:
        raise TypeError(f"event {kind.value}: {e}") from e
    plain: dict[str, object] = msgspec.to_builtins(made)
    return plain
