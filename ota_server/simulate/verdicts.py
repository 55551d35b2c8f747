"""What the device's own code makes of a release: verified once, shared by devices in the same state.

The simulated devices do no cryptography of their own for each of ten thousand updates. One real device
of each kind does all of it: metadata, manifest, payload, slots, first boot, confirmation.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path

from ota_client.client import OtaClient
from ota_client.config import DeviceConfig
from ota_client.device import open_ports
from ota_client.errors import FetchError, OtaError
from ota_client.formats.version import Version
from ota_client.network.directory import DirectoryFetcher
from ota_client.ports import Ports
from ota_client.testing.simulator import SimulatedDeviceFolder, settings_text

Clock = Callable[[], datetime]
_FOLDER_URL = "https://folder.invalid/"


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the releases are, and the root that the devices were made with.

    Attributes:
        root: the bytes of the root metadata that devices pin.
        place: the repository's address, or its published folder.
        network: further settings of ``[network]``, TOML.
    """

    root: bytes
    place: str | Path
    network: str = ""

    @property
    def url(self) -> str:
        """As a device's settings name it."""
        return self.place if isinstance(self.place, str) else _FOLDER_URL

    def ports(self, config: DeviceConfig, clock: Clock) -> Ports:
        """A device's ports that lead here."""
        ports = replace(open_ports(config), clock=clock)
        if isinstance(self.place, str):
            return ports
        folder = FolderFetcher(self.place, self.url)
        return replace(ports, fetcher=lambda: folder)


class FolderFetcher(DirectoryFetcher):
    """A published folder under the address that a device's settings name."""

    def __init__(self, folder: Path, base_url: str) -> None:
        super().__init__(folder)
        self.base_url = base_url


@dataclass(frozen=True, slots=True)
class Start:
    """What a device ran before: whatever is the same has the same verdict."""

    product: str
    hardware_id: str
    version: Version
    rollback_index: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the device's code said.

    Attributes:
        refusal: the error by which it refused; None if the release runs now.
        rollback_index: stored afterwards.
        root_version: of the root trusted afterwards.
    """

    refusal: OtaError | None
    rollback_index: int
    root_version: int


_Key = tuple[Start, Version, str | None]


class Verdicts:
    """Verifies releases as devices do.

    Args:
        repository: what the devices ask.
        folder: where the devices that verify are made.
        clock: theirs, UTC.
        each: let each device verify for itself, for what that costs.
    """

    def __init__(
        self, repository: Repository, folder: Path, *, clock: Clock, each: bool = False
    ) -> None:
        self._repository, self._folder = repository, folder
        self._clock, self._each = clock, each
        self._known: dict[_Key, asyncio.Task[Verdict]] = {}
        self._numbers = count()
        self.verified = 0

    async def of(self, start: Start, release: Version, device_id: str) -> Verdict:
        """What a device that ran ``start`` makes of ``release``.

        Raises:
            FetchError: the repository could not be reached; the device tries again later.
        """
        key = (start, release, device_id if self._each else None)
        task = self._known.get(key)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(self._verify, start, release))
            self._known[key] = task
        try:
            return await asyncio.shield(task)
        except FetchError:
            self._known.pop(key, None)
            raise

    def _verify(self, start: Start, release: Version) -> Verdict:
        self.verified += 1
        folder = self._folder / str(next(self._numbers))
        device = _Device(self._repository, folder, start, self._clock)
        try:
            return device.update(release)
        except FetchError:
            raise
        except OtaError as e:
            return Verdict(e, start.rollback_index, device.root_version)


class _Device:
    """One real device in a folder."""

    def __init__(self, repository: Repository, folder: Path, start: Start, clock: Clock) -> None:
        self._repository, self._folder = repository, folder
        self._start, self._clock = start, clock
        self.root_version = 0

    def update(self, release: Version) -> Verdict:
        """Look, install, boot, confirm."""
        # the first look tells which images, and how large, such a device has
        looking = self._make(self._folder / "looking", ("unknown",), 1)
        try:
            offered = looking.check(release).offered
        finally:
            self.root_version = looking.status().root_version
        if offered is None:
            return Verdict(None, self._start.rollback_index, self.root_version)
        slots = {image.slot: image.size_bytes for image in offered.images}
        client = self._make(self._folder / "updating", tuple(slots), max(slots.values()))
        client.install(release)
        SimulatedDeviceFolder(self._folder / "updating").boot()
        status = client.mark_good()
        return Verdict(None, status.stored_rollback_index, status.root_version)

    def _make(self, folder: Path, images: tuple[str, ...], slot_bytes: int) -> OtaClient:
        start = self._start
        text = settings_text(
            product=start.product,
            hardware_id=start.hardware_id,
            channel="none",
            urls=(self._repository.url,),
            version=str(start.version),
            rollback_index=start.rollback_index,
            images=images,
            network=self._repository.network,
        )
        folder.mkdir(parents=True)
        (folder / "root.json").write_bytes(self._repository.root)
        config = SimulatedDeviceFolder(folder).create(text, slot_bytes=slot_bytes, factory={})
        return OtaClient(config, self._repository.ports(config, self._clock))
