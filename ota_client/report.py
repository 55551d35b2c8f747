"""What a check found and where the device stands, for people and for programs (``--json``)."""

from dataclasses import dataclass

from ota_client.bootcontrol import BootStatus
from ota_client.config import DeviceConfig
from ota_client.counters.health import CounterReport
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, ReleaseManifest
from ota_client.network.daily_limit import TrafficReport
from ota_client.recovery import Phase, Recovery
from ota_client.release import VerifiedRelease
from ota_client.state import BadRelease, DeviceState


@dataclass(frozen=True, slots=True)
class Check:
    """What the repository offers this device.

    Attributes:
        running: the version that runs now.
        offered: the release that is offered; None when there is nothing new.
        advisories: what installing it changes for security, since the running version.
        installed: whether it waits in the other slot for the next boot.
    """

    running: Version
    offered: ReleaseManifest | None
    advisories: tuple[Advisory, ...]
    installed: bool

    @classmethod
    def nothing_new(cls, running: Version) -> "Check":
        """The device runs what its channel offers."""
        return cls(running, None, (), installed=False)

    @classmethod
    def update(cls, release: VerifiedRelease, found: Recovery, state: DeviceState) -> "Check":
        """There is a release to install, or installed and waiting for its first boot."""
        running, manifest = found.running.version, release.manifest
        waiting = state.slots.get(state.trial or "")
        installed = waiting is not None and waiting.sha256 == release.sha256
        return cls(running, manifest, manifest.advisories_since(running), installed)

    def to_fields(self) -> dict[str, object]:
        """The check as JSON fields (docs/reference/ota-client.md)."""
        offered = self.offered
        return {
            "update": offered is not None,
            "running_version": str(self.running),
            "offered_version": str(offered.version) if offered else None,
            "rollback_index": offered.rollback_index if offered else None,
            "installed": self.installed,
            "notes": offered.notes if offered else "",
            "advisories": [advisory.to_fields() for advisory in self.advisories],
        }


@dataclass(frozen=True, slots=True)
class SlotReport:
    """One slot, as the boot loader and the memory see it."""

    name: str
    booted: bool
    primary: bool
    bootable: bool
    good: bool
    tries_left: int
    version: Version | None
    rollback_index: int | None
    complete: bool


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What is known of the update server without asking it.

    Attributes:
        assigned: the release that it assigned last.
        consent_wanted: it wanted the owner's consent to it.
        reports_waiting: how many reports it has not taken yet.
    """

    assigned: Version | None
    consent_wanted: bool
    reports_waiting: int

    def to_fields(self) -> dict[str, object]:
        """The report as JSON fields (docs/reference/ota-client.md)."""
        return {
            "assigned_version": str(self.assigned) if self.assigned else None,
            "consent_wanted": self.consent_wanted,
            "reports_waiting": self.reports_waiting,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """Where the device stands.

    Attributes:
        stored_rollback_index: no release below it is accepted.
        rollback_counter: where that index is kept, and whether all is well there.
        traffic: of the day's allowance; None where there is no ``daily_limit_bytes``.
        root_version: of the TUF root last trusted; an old one on a live fleet hints at a mirror that
            withholds roots (A10). 0 before the first check.
        advisories: between the running release and the one the last check offered.
        bad_releases: releases that this device fell back from.
        server: None for a device that follows its channel alone.
    """

    product: str
    hardware_id: str
    channel: str
    phase: Phase
    running: Version
    stored_rollback_index: int
    rollback_counter: CounterReport
    traffic: TrafficReport | None
    root_version: int
    slots: tuple[SlotReport, ...]
    offered: Version | None
    advisories: tuple[Advisory, ...]
    bad_releases: tuple[BadRelease, ...]
    server: ServerReport | None = None

    @classmethod
    def of(
        cls,
        config: DeviceConfig,
        found: Recovery,
        boot: BootStatus,
        *,
        stored_index: int,
        counter: CounterReport,
        traffic: TrafficReport | None,
        offered: ReleaseManifest | None,
        server: ServerReport | None,
    ) -> "Status":
        """Put the parts together."""
        running, root = found.running.version, found.state.trust_floor.roles.get("root")
        if offered is not None and offered.version <= running:
            offered = None  # it has been installed since
        return cls(
            product=config.product,
            hardware_id=config.hardware_id,
            channel=config.channel,
            phase=found.phase,
            running=running,
            stored_rollback_index=stored_index,
            rollback_counter=counter,
            traffic=traffic,
            root_version=root.version if root else 0,
            slots=_slot_reports(boot, found.state),
            offered=offered.version if offered else None,
            advisories=offered.advisories_since(running) if offered else (),
            bad_releases=found.state.bad_releases,
            server=server,
        )

    def to_fields(self) -> dict[str, object]:
        """The status as JSON fields (docs/reference/ota-client.md)."""
        return {
            "product": self.product,
            "hardware_id": self.hardware_id,
            "channel": self.channel,
            "phase": self.phase.value,
            "running_version": str(self.running),
            "stored_rollback_index": self.stored_rollback_index,
            "rollback_counter": self.rollback_counter.to_fields(),
            "traffic": self.traffic.to_fields() if self.traffic else None,
            "root_version": self.root_version,
            "slots": [_slot_fields(slot) for slot in self.slots],
            "offered_version": str(self.offered) if self.offered else None,
            "advisories": [advisory.to_fields() for advisory in self.advisories],
            "bad_releases": [
                {"version": str(bad.version), "manifest_sha256": bad.sha256} for bad in self.bad_releases
            ],
            "server": self.server.to_fields() if self.server else None,
        }


def _slot_reports(boot: BootStatus, state: DeviceState) -> tuple[SlotReport, ...]:
    """One report a slot, by name."""
    reports = []
    for name, flags in sorted(boot.slots.items()):
        content = state.slots.get(name)
        reports.append(
            SlotReport(
                name=name,
                booted=name == boot.booted,
                primary=name == boot.primary,
                bootable=flags.bootable,
                good=flags.good,
                tries_left=flags.tries_left,
                version=content.version if content else None,
                rollback_index=content.rollback_index if content else None,
                complete=content is not None and content.complete,
            )
        )
    return tuple(reports)


def _slot_fields(slot: SlotReport) -> dict[str, object]:
    return {
        "name": slot.name,
        "booted": slot.booted,
        "primary": slot.primary,
        "bootable": slot.bootable,
        "good": slot.good,
        "tries_left": slot.tries_left,
        "version": str(slot.version) if slot.version else None,
        "rollback_index": slot.rollback_index,
        "complete": slot.complete,
    }
