"""One installation: from a verified release to a slot that the next boot tries."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from ota_client.errors import ManifestError
from ota_client.manifest import Image
from ota_client.network.fetcher import Fetcher
from ota_client.network.mirrors import first_answer
from ota_client.payload import INDEX_MOST_BYTES, Index
from ota_client.ports import Ports
from ota_client.progress import ProgressCallback, ProgressCounter, Stage
from ota_client.release import VerifiedRelease
from ota_client.rollback import check_rollback_index
from ota_client.state import SlotContent


class Installation:
    """Writes one release into one slot.

    Args:
        ports: what it touches.
        fetcher: the network.
        urls: of the repository and its mirrors.
        release: what to install.
        slot: where; not the running one.
        arguments: kernel arguments for the boot loader to start it with.
        written: called when all images are written, before they are read back; what it raises stops
            the installation.
        progress: told of every region that is written, and read back.
    """

    def __init__(
        self,
        ports: Ports,
        fetcher: Fetcher,
        urls: tuple[str, ...],
        *,
        release: VerifiedRelease,
        slot: str,
        arguments: str,
        written: Callable[[], None],
        progress: ProgressCallback,
    ) -> None:
        self._ports, self._fetcher, self._urls = ports, fetcher, urls
        self._release, self._slot, self._progress = release, slot, progress
        self._arguments, self._written = arguments, written

    def run(self) -> None:
        """Install; after any interruption, running it again goes on where it stopped.

        Raises:
            FetchError: the network failed.
            VerificationError: what was served is not what was signed.
            InstallError: the device could not.
        """
        slots, store, manifest = self._ports.slots, self._ports.state, self._release.manifest
        content = SlotContent(
            manifest.version, manifest.rollback_index, self._release.sha256, complete=False
        )
        # 1. What each image consists of
        indexes = [(image, self._index(image)) for image in manifest.images]
        # 2. From here on the slot must not be started; a release that waited in it is off
        state = replace(store.load(), trial=None)
        before = state.slots.get(self._slot)
        resume = before is not None and before.sha256 == self._release.sha256
        store.save(state)
        slots.set_unbootable(self._slot)
        store.save(state.with_slot(self._slot, content))
        # 3. Write; every byte is checked before it is written, and made durable
        total = sum(image.size_bytes for image in manifest.images)
        counter = ProgressCounter(self._progress, Stage.DOWNLOADING, total)
        for image, index in indexes:
            self._write(image, index, resume=resume, counter=counter)
        # 4. Read back from the medium; what the device's own command changed is found too
        self._written()
        counter = ProgressCounter(self._progress, Stage.VERIFYING, total)
        for image in manifest.images:
            slots.read_back(image, slot=self._slot, advance=counter)
        # 5. Has the stored index risen meanwhile?
        check_rollback_index(manifest.rollback_index, stored_index=self._ports.counter.read())
        # 6. Remember what the slot holds
        state = state.with_slot(self._slot, replace(content, complete=True))
        store.save(state)
        # 7. ONE atomic boot-state write
        slots.activate(self._slot, self._arguments)
        # 8. Expect it: if another slot runs after this, the device fell back
        store.save(replace(state, trial=self._slot))

    def _index(self, image: Image) -> Index:
        file = self._release.files_of(image).index
        data = first_answer(
            self._urls, lambda url: file.fetch(self._fetcher, url, max_bytes=INDEX_MOST_BYTES)
        )
        index = Index.from_bytes(data)
        described = (image.size_bytes, bytes.fromhex(image.sha256), image.payload.data_bytes)
        if (index.image_bytes, index.image_sha256, index.data_bytes) != described:
            raise ManifestError(f"image {image.slot}: the manifest and the index describe two images")
        return index

    def _write(self, image: Image, index: Index, *, resume: bool, counter: ProgressCounter) -> None:
        data, before, attempts = self._release.files_of(image).data, counter.done_bytes, count()

        def attempt(url: str) -> None:
            counter.done_bytes = before
            self._ports.slots.write(
                self._release,
                image,
                index,
                slot=self._slot,
                open_frames=lambda start, stop: self._fetcher.open_range(
                    data.url(url), start=start, stop=stop
                ),
                # a second mirror goes on where the first one failed
                resume=next(attempts) > 0 or resume,
                advance=counter,
            )

        first_answer(self._urls, attempt)
