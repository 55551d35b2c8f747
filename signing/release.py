"""Images and facts -> a release: manifest, payloads and their entries in the product's role."""

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import TargetFile, Targets

from ota_client.errors import ConfigError, ManifestError
from ota_client.formats.strict import NAME_RULE, is_name
from ota_client.formats.version import Version
from ota_client.manifest import (
    PAYLOAD_FORMAT,
    ROLLBACK_INDEX_MAX,
    Advisory,
    Image,
    Payload,
    ReleaseManifest,
    Sbom,
)
from signing import release_rules
from signing.channel import check_channel_name, point_channel
from signing.payload_encoder import DEFAULT_LEVEL, Progress, check_image, encode_image
from signing.product import delegation
from signing.repository import Repository
from signing.storage import metadata
from signing.storage.catalog import Catalog, list_release, note_retired, read_catalog
from signing.storage.files import sync_folder, write_over


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What a release engineer says of a release.

    Attributes:
        images: slot names and image files.
        channels: that shall offer it.
        advisories: what it mends; those of its predecessors are carried over.
        sbom: a software bill of materials to publish with it.
    """

    product: str
    version: Version
    rollback_index: int
    hardware_ids: tuple[str, ...]
    images: tuple[tuple[str, Path], ...]
    channels: tuple[str, ...] = ()
    min_version: Version | None = None
    advisories: tuple[Advisory, ...] = ()
    notes: str = ""
    sbom: Path | None = None


@dataclass(frozen=True, slots=True)
class Encoding:
    """How images are packed; see ``encode_image``."""

    level: int = DEFAULT_LEVEL
    region_bytes: int | None = None
    progress: Progress | None = None


def check_release(repository: Repository, new: NewRelease) -> Catalog:
    """Check everything that can be checked before an image is read.

    Raises:
        ConfigError: a fact is malformed, or names what is not there.
        RuleError: devices would refuse the release (A14, A31).
    """
    _check_facts(new, metadata.hardware_ids(delegation(repository, new.product)))
    catalog = read_catalog(new.product, repository.current(new.product, Targets).signed)
    release_rules.check_new_release(catalog, new.version, new.rollback_index)
    for channel in new.channels:
        check_channel_name(channel)
        if channel in catalog.channels:
            offered = catalog.find(catalog.channels[channel])
            release_rules.check_channel_move(channel, offered, new.version, new.rollback_index)
    return catalog


def add_release(
    repository: Repository, new: NewRelease, *, now: datetime, encoding: Encoding | None = None
) -> ReleaseManifest:
    """Stage a release. Nothing is staged unless all of it is.

    Args:
        repository: the folder.
        new: the release.
        now: becomes ``created_at``, and the time that the expiry counts from.
        encoding: how its images are packed.

    Raises:
        ConfigError, RuleError: as ``check_release``.
    """
    with repository.lock():
        catalog = check_release(repository, new)
        folder = repository.staged_dir / "targets" / new.product / str(new.version)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            files = _StagedFiles(folder, f"{new.product}/{new.version}")
            images = tuple(
                _stage_image(files, slot, path, encoding or Encoding()) for slot, path in new.images
            )
            sbom = _stage_sbom(files, new.sbom) if new.sbom else None
            manifest = _manifest(repository, catalog, new, images, sbom, now)
            entry = files.add("manifest.json", manifest.to_bytes())
            with repository.edit(new.product, Targets, now) as targets:
                targets.targets.update(files.entries)
                list_release(targets, entry, new.rollback_index)
                for channel in new.channels:
                    point_channel(repository, targets, new.product, channel, manifest.to_bytes())
        except BaseException:
            shutil.rmtree(folder)
            raise
    return manifest


def retire_release(repository: Repository, product: str, version: Version, *, now: datetime) -> None:
    """Stage the end of a release: its files leave with the next publication.

    Raises:
        ConfigError: there is no such product or release.
        RuleError: a channel still offers it.
    """
    with repository.lock():
        delegation(repository, product)
        with repository.edit(product, Targets, now) as targets:
            catalog = read_catalog(product, targets)
            release = catalog.find(version)
            release_rules.check_unused(catalog, version)
            prefix = f"{product}/{version}/"
            for path in [path for path in targets.targets if path.startswith(prefix)]:
                del targets.targets[path]
            was_published = _was_published(repository, product, version)
            if was_published:
                note_retired(targets, release)
        if not was_published:
            shutil.rmtree(repository.staged_dir / "targets" / product / str(version), ignore_errors=True)


def read_manifest(
    repository: Repository, product: str, version: Version, sha256: str
) -> ReleaseManifest:
    """A release's manifest, staged or published, checked against its entry.

    Raises:
        RepositoryFileError: the file is not the one that the metadata lists.
    """
    path = f"{product}/{version}/{sha256}.manifest.json"
    return ReleaseManifest.from_bytes(repository.read_target(path, sha256))


class _StagedFiles:
    """The files of one release, and their entries for the product's role."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder = folder
        self.entries: dict[str, TargetFile] = {}
        self._prefix = prefix

    def add(self, name: str, data: bytes) -> TargetFile:
        """Store a small file."""
        sha256 = hashlib.sha256(data).hexdigest()
        write_over(self.folder / f"{sha256}.{name}", data)
        return self.enter(name, len(data), sha256)

    def enter(self, name: str, size_bytes: int, sha256: str) -> TargetFile:
        """Make the entry of a file that lies in the folder."""
        path = f"{self._prefix}/{name}"
        if path in self.entries:
            raise ConfigError(
                f"{name}: expected files of different names in a release, got this one twice"
            )
        self.entries[path] = TargetFile(size_bytes, {"sha256": sha256}, path)
        return self.entries[path]


def _stage_image(files: _StagedFiles, slot: str, path: Path, encoding: Encoding) -> Image:
    index_path, data_path = files.folder / f"{slot}.index", files.folder / f"{slot}.data"
    encoded = encode_image(
        path,
        index_path,
        data_path,
        region_bytes=encoding.region_bytes,
        level=encoding.level,
        progress=encoding.progress,
    )
    index_path.rename(files.folder / f"{encoded.index_sha256}.{index_path.name}")
    data_path.rename(files.folder / f"{encoded.data_sha256}.{data_path.name}")
    sync_folder(files.folder)
    files.enter(index_path.name, encoded.index_bytes, encoded.index_sha256)
    files.enter(data_path.name, encoded.index.data_bytes, encoded.data_sha256)
    payload = Payload(
        PAYLOAD_FORMAT, encoded.index_bytes, encoded.index_sha256, encoded.index.data_bytes
    )
    return Image(slot, encoded.index.image_bytes, encoded.index.image_sha256.hex(), payload)


def _stage_sbom(files: _StagedFiles, path: Path) -> Sbom:
    entry = files.add(path.name, _read(path))
    return Sbom(path.name, entry.length, entry.hashes["sha256"])


def _manifest(
    repository: Repository,
    catalog: Catalog,
    new: NewRelease,
    images: tuple[Image, ...],
    sbom: Sbom | None,
    now: datetime,
) -> ReleaseManifest:
    before = catalog.before(new.version)
    carried: tuple[Advisory, ...] = ()
    if before is not None:
        carried = read_manifest(repository, new.product, before.version, before.sha256).advisories
    own = {advisory.id for advisory in new.advisories}
    manifest = ReleaseManifest(
        product=new.product,
        version=new.version,
        rollback_index=new.rollback_index,
        hardware_ids=new.hardware_ids,
        min_version=new.min_version,
        images=images,
        advisories=(*(a for a in carried if a.id not in own), *new.advisories),
        notes=new.notes,
        sbom=sbom,
        created_at=now.replace(microsecond=0),
    )
    try:
        return ReleaseManifest.from_bytes(manifest.to_bytes())
    except ManifestError as e:
        raise ConfigError(str(e)) from e


def _was_published(repository: Repository, product: str, version: Version) -> bool:
    published = repository.published()
    found = published.load(product, Targets) if published else None
    return found is not None and f"{product}/{version}/manifest.json" in found.signed.targets


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from e


def _check_facts(new: NewRelease, hardware_ids: tuple[str, ...]) -> None:
    unknown = sorted(set(new.hardware_ids).difference(hardware_ids))
    if unknown or not new.hardware_ids:
        raise ConfigError(
            f"hardware id: expected some of those of product {new.product} ({', '.join(hardware_ids)}), "
            f"got {', '.join(unknown) or 'none'}; `product add {new.product} --hardware-id ID` "
            "registers one"
        )
    if not 0 <= new.rollback_index <= ROLLBACK_INDEX_MAX:
        raise ConfigError(
            f"rollback index: expected 0 to {ROLLBACK_INDEX_MAX}, got {new.rollback_index}"
        )
    slots = [slot for slot, _ in new.images]
    if not slots or len(set(slots)) != len(slots) or not all(map(is_name, slots)):
        raise ConfigError(f"images: expected one or more different slots of {NAME_RULE}, got {slots}")
    if new.min_version is not None and new.min_version > new.version:
        raise ConfigError(f"min version: expected {new.version} at most, got {new.min_version}")
    if new.sbom is not None and not is_name(new.sbom.name):
        raise ConfigError(f"sbom: expected a file name of {NAME_RULE}, got {new.sbom.name!r}")
    for _, path in new.images:
        check_image(path)


def list_releases(repository: Repository, product: str | None = None) -> list[Catalog]:
    """What each product offers, as staged or else published.

    Raises:
        ConfigError: there is no such product.
    """
    if product is not None:
        delegation(repository, product)
    names = [product] if product else metadata.delegated(repository.current("targets", Targets).signed)
    return [read_catalog(name, repository.current(name, Targets).signed) for name in names]
