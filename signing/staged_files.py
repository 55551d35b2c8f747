"""The files of a release that is being staged: payloads, bill of materials, manifest."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from tuf.api.metadata import TargetFile

from ota_client.errors import ConfigError
from ota_client.manifest import PAYLOAD_FORMAT, Image, ImageFormat, Payload, Sbom
from signing.payload_encoder import DEFAULT_LEVEL, Progress, encode_image
from signing.storage.files import sync_folder, write_over
from signing.verity import add_hash_tree


@dataclass(frozen=True, slots=True)
class Encoding:
    """How images are packed; see ``encode_image``."""

    level: int = DEFAULT_LEVEL
    region_bytes: int | None = None
    progress: Progress | None = None


class StagedFiles:
    """The files of one release, and their entries for the product's role.

    Args:
        folder: where they wait.
        prefix: of their target paths, ``<product>/<version>``.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self.entries: dict[str, TargetFile] = {}
        self._folder = folder
        self._prefix = prefix

    def add(self, name: str, data: bytes) -> TargetFile:
        """Store a small file."""
        sha256 = hashlib.sha256(data).hexdigest()
        write_over(self._folder / f"{sha256}.{name}", data)
        return self._enter(name, len(data), sha256)

    def add_sbom(self, path: Path) -> Sbom:
        """Store a bill of materials under its own name."""
        try:
            data = path.read_bytes()
        except OSError as e:
            raise ConfigError(f"{path}: {e.strerror}") from e
        entry = self.add(path.name, data)
        return Sbom(path.name, entry.length, entry.hashes["sha256"])

    def add_image(self, slot: str, path: Path, form: ImageFormat, encoding: Encoding) -> Image:
        """Store an image's payload."""
        index_path, data_path = self._folder / f"{slot}.index", self._folder / f"{slot}.data"
        encoded = encode_image(
            path,
            index_path,
            data_path,
            region_bytes=encoding.region_bytes,
            level=encoding.level,
            progress=encoding.progress,
        )
        index = encoded.index
        index_path.rename(self._folder / f"{encoded.index_sha256}.{index_path.name}")
        data_path.rename(self._folder / f"{encoded.data_sha256}.{data_path.name}")
        sync_folder(self._folder)
        self._enter(index_path.name, encoded.index_bytes, encoded.index_sha256)
        self._enter(data_path.name, index.data_bytes, encoded.data_sha256)
        payload = Payload(PAYLOAD_FORMAT, encoded.index_bytes, encoded.index_sha256, index.data_bytes)
        return Image(slot, index.image_bytes, index.image_sha256.hex(), payload, format=form)

    def add_verity_image(self, slot: str, path: Path, encoding: Encoding) -> Image:
        """Store the payload of an image and its hash tree."""
        whole = self._folder / f"{slot}.verity"
        try:
            name = f"{self._prefix}/{slot}"
            verity = add_hash_tree(path, whole, name=name, progress=encoding.progress)
            image = self.add_image(slot, whole, ImageFormat.RAW, encoding)
        finally:
            whole.unlink(missing_ok=True)
        return replace(image, verity=verity)

    def _enter(self, name: str, size_bytes: int, sha256: str) -> TargetFile:
        path = f"{self._prefix}/{name}"
        if path in self.entries:
            raise ConfigError(
                f"{name}: expected files of different names in a release, got this one twice"
            )
        self.entries[path] = TargetFile(size_bytes, {"sha256": sha256}, path)
        return self.entries[path]
