"""The main path of a device: check, install, confirm."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from ota_client import compatibility
from ota_client.bootcontrol import BootStatus
from ota_client.config import DeviceConfig
from ota_client.counters.health import check_counter
from ota_client.errors import ConfigError, ManifestError
from ota_client.formats.version import Version
from ota_client.installation import Installation
from ota_client.manifest import ReleaseManifest
from ota_client.network.daily_limit import TrafficReport, traffic_record
from ota_client.network.mirrors import first_answer
from ota_client.ports import Ports
from ota_client.progress import ProgressCallback, no_progress
from ota_client.recovery import Recovery, recover
from ota_client.release import VerifiedRelease
from ota_client.report import Check, ServerReport, Status
from ota_client.rollback import check_not_older
from ota_client.state import SlotContent

_log = logging.getLogger(__name__)


def _ignore(_: Check) -> None:
    return


def _ignore_slot(_: Check, __: str) -> None:
    return


class OtaClient:
    """One device's updates. Every method may be called again after any interruption.

    Args:
        config: the device's settings.
        ports: what it touches; ``open_ports(config)`` for a real device.
        on_advisories: told once of each offered release that changes something for security (OWASP
            IoT item 4); hand it to the device's user interface.
    """

    def __init__(
        self,
        config: DeviceConfig,
        ports: Ports,
        *,
        on_advisories: Callable[[Check], None] = _ignore,
    ) -> None:
        self._config = config
        self._ports = ports
        self._on_advisories = on_advisories
        self._cache_dir = config.state_dir / "tuf"

    def status(self) -> Status:
        """Tell what the device runs and where in an update it is. Needs no network and no clock.

        Raises:
            InstallError: the state or the boot state cannot be read.
        """
        counter, boot = self._ports.counter.report(), self._ports.slots.status()
        found = self._find(boot, counter.index)
        return Status.of(
            self._config,
            found,
            boot,
            stored_index=max(counter.index, self._config.firmware.rollback_index),
            counter=counter,
            traffic=self._traffic(),
            offered=self._last_offered(found.state.offered),
            server=self._server(),
        )

    def check(self, version: Version | None = None) -> Check:
        """Ask the repository for an update; nothing on the device changes but the trust floor.

        Args:
            version: a release to look at; None for the one that is on the device's channel.

        Raises:
            FetchError: no repository could be reached.
            VerificationError: what a repository served is not to be trusted.
            RefusedError: the release is genuine, but not for this device.
            InstallError: the state cannot be read or written.
        """
        with self._locked() as now:
            check, _ = self._check(self._recover(), version, now)
            return check

    def install(
        self,
        version: Version | None = None,
        *,
        progress: ProgressCallback = no_progress,
        approve: Callable[[Check], None] = _ignore,
        accept: Callable[[Check, str], None] = _ignore_slot,
    ) -> Check:
        """Check, and write what is offered into the inactive slot, to be started by the next boot.

        Args:
            version: a release to install; None for the one that is on the device's channel.
            progress: told of every region that is written, and read back.
            approve: called before anything is written; what it raises stops the installation.
            accept: called with the slot's name when it is written, before it is read back and
                activated; what it raises stops the installation.

        Returns:
            What was found. If it is an update, it is installed.

        Raises:
            FetchError: the network failed; the next call resumes.
            VerificationError: what was served is not to be trusted.
            RefusedError: the release is genuine, but not for this device now.
            InstallError: the device could not.
        """
        slots = self._ports.slots
        with self._locked() as now:
            # 1. What is offered, is it genuine, and does it lead forward?
            check, release = self._check(self._recover(), version, now)
            if release is None or check.installed:
                return check
            # 2. Never overwrite the last good slot while the running one is on trial
            boot = slots.status()
            compatibility.check_confirmed(booted=boot.booted, good=boot.slots[boot.booted].good)
            # ... nor while the stored index may be lower than it was
            check_counter(self._ports.counter.report())
            # 3. Does it fit into the slot that is not running?
            slot = slots.inactive()
            arguments = self._config.verity.of(slot, release.manifest.hash_trees())
            slots.check_arguments(slot, arguments)
            compatibility.check_formats(release.manifest, slots.formats())
            compatibility.check_slots(release.manifest, slots.sizes(slot))
            approve(check)
            # 4. Write, read back, activate
            Installation(
                self._ports,
                self._ports.fetcher(),
                self._config.urls,
                release=release,
                slot=slot,
                arguments=arguments,
                written=lambda: accept(check, slot),
                progress=progress,
            ).run()
            return replace(check, installed=True)

    def mark_good(self) -> Status:
        """Confirm the running slot, then raise the stored rollback index. Needs no network.

        Raises:
            InstallError: the boot state or the state cannot be read or written.
        """
        with self._locked():
            self._recover()
            self._ports.slots.mark_good()
            self._recover()
            return self.status()

    def mark_bad(self) -> Status:
        """Give the running slot up: the next boot starts the other one.

        Raises:
            InstallError: there is no other bootable slot, or the boot state cannot be written.
        """
        with self._locked():
            self._recover()
            slots = self._ports.slots
            slots.set_unbootable(slots.status().booted)
            return self.status()

    def _check(
        self, found: Recovery, version: Version | None, now: datetime
    ) -> tuple[Check, VerifiedRelease | None]:
        # 1. Trust: pinned root -> TUF -> verified release, from the first repository that can show it
        pinned_root = self._pinned_root()
        release = first_answer(
            self._config.urls, lambda url: self._offered(url, version, now, pinned_root)
        )
        state, running = self._ports.state.load(), found.running.version
        if release.manifest.version == running:
            # equal version keeps the old, whatever its content (A31)
            self._ports.state.save(replace(state, offered=None))
            return Check.nothing_new(running), None
        # 2. Never back, and only what is for this device
        self._refuse(release, found)
        check = Check.update(release, found, state)
        # 3. The owner learns what it changes for security
        if check.advisories and state.offered != release.sha256:
            self._on_advisories(check)
        self._ports.state.save(replace(state, offered=release.sha256))
        return check, release

    def _offered(
        self, base_url: str, version: Version | None, now: datetime, pinned_root: bytes
    ) -> VerifiedRelease:
        from ota_client import trust  # noqa: PLC0415 tuf is loaded by the first check, never by status

        state = self._ports.state.load()
        repository = trust.refresh(
            pinned_root=pinned_root,
            cache_dir=self._cache_dir,
            fetcher=self._ports.fetcher(),
            base_url=base_url,
            product=self._config.product,
            now=max(now, self._config.firmware.built_at),
            floor=state.trust_floor,
        )
        # remembered before it is acted on (A07)
        self._ports.state.save(replace(state, trust_floor=repository.floor))
        if version is None:
            return repository.channel(self._config.channel)
        return repository.release(version)

    def _refuse(self, release: VerifiedRelease, found: Recovery) -> None:
        manifest, booted, config = release.manifest, found.running.version, self._config
        compatibility.check_hardware(manifest, product=config.product, hardware_id=config.hardware_id)
        check_not_older(manifest, booted=booted, stored_index=self._stored_index())
        compatibility.check_stepping_stone(manifest, booted=booted)
        compatibility.check_not_known_bad(release, found.state.bad_releases)

    def _pinned_root(self) -> bytes:
        try:
            return self._config.root.read_bytes()
        except OSError as e:
            raise ConfigError(
                f"root: expected the pinned root.json, got {e.strerror}: {e.filename}"
            ) from e

    def _last_offered(self, sha256: str | None) -> ReleaseManifest | None:
        try:
            data = (self._cache_dir / "offered.manifest").read_bytes()
            genuine = hashlib.sha256(data).hexdigest() == sha256
            return ReleaseManifest.from_bytes(data) if genuine else None
        except (OSError, ManifestError):
            return None

    def _traffic(self) -> TrafficReport | None:
        limit_bytes = self._config.http.daily_limit_bytes
        if limit_bytes is None:
            return None
        record = traffic_record(self._ports.storage, self._config.state_dir)
        return TrafficReport.read(record, limit_bytes)

    def _server(self) -> ServerReport | None:
        if self._config.server is None:
            return None
        from ota_client.fleet.report_queue import (  # noqa: PLC0415 many devices have no server
            queue_record,
            read_queue,
        )

        queue = read_queue(queue_record(self._ports.storage, self._config.state_dir))
        if queue is None:
            return ServerReport(None, consent_wanted=False, reports_waiting=0)
        assigned, waiting = queue.assignment, len(queue.entries)
        if assigned is None:
            return ServerReport(None, consent_wanted=False, reports_waiting=waiting)
        return ServerReport(assigned.version, assigned.consent_wanted, waiting)

    def _stored_index(self) -> int:
        return max(self._ports.counter.read(), self._config.firmware.rollback_index)

    def _find(self, boot: BootStatus, stored_index: int) -> Recovery:
        firmware = self._config.firmware
        return recover(
            self._ports.state.load(),
            boot,
            firmware=SlotContent(firmware.version, firmware.rollback_index, "", complete=True),
            stored_index=stored_index,
        )

    def _recover(self) -> Recovery:
        """Finish what a cut left open; each step is redone until it holds."""
        self._ports.slots.settle()
        stored_index = self._ports.counter.read()
        found = self._find(self._ports.slots.status(), stored_index)
        if found.fell_back_from is not None:
            _log.error("fell back from release %s", found.fell_back_from.version)
        # the index rises only here, after the running slot was marked good (D06); a killed agent may not
        # have made the mark durable
        if found.raise_to > stored_index:
            self._ports.slots.mark_good()
        self._ports.counter.raise_to(found.raise_to)
        for slot in found.retire:
            self._ports.slots.set_unbootable(slot)
        self._ports.state.save(found.state)
        return found

    @contextmanager
    def _locked(self) -> Iterator[datetime]:
        """Hold the device's lock, and read the clock once."""
        with self._ports.storage.lock(str(self._config.state_dir / "lock")):
            yield self._ports.clock()
