"""Images and facts -> a release: manifest, payloads and their entries in the product's role."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.metadata import Targets

from ota_client.errors import ConfigError, ManifestError, PayloadError
from ota_client.formats.strict import NAME_RULE, is_name
from ota_client.formats.version import Version
from ota_client.images.archive import Archive
from ota_client.images.files import Rules, checked
from ota_client.manifest import (
    ROLLBACK_INDEX_MAX,
    Advisory,
    Image,
    ImageFormat,
    ReleaseManifest,
    Sbom,
)
from signing import release_rules
from signing.channel import check_channel_name, point_channel
from signing.image_file import open_image, read_pieces
from signing.product import delegation
from signing.repository import Repository
from signing.staged_files import Encoding, StagedFiles
from signing.storage import metadata
from signing.storage.catalog import Catalog, list_release, note_retired, read_catalog

_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What a release engineer says of a release.

    Attributes:
        images: slot names and image files.
        channels: that shall offer it.
        advisories: what it mends; those of its predecessors are carried over.
        sbom: a software bill of materials to publish with it.
        verity: the images that get a dm-verity hash tree.
        tars: the images that are tar files, unpacked into a file system by the device.
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
    verity: tuple[str, ...] = ()
    tars: tuple[str, ...] = ()

    def format(self, slot: str) -> ImageFormat:
        """What an image's bytes are."""
        return ImageFormat.TAR if slot in self.tars else ImageFormat.RAW


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
            files = StagedFiles(folder, f"{new.product}/{new.version}")
            images = tuple(_stage_images(files, new, encoding or Encoding()))
            sbom = files.add_sbom(new.sbom) if new.sbom else None
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


def _stage_images(files: StagedFiles, new: NewRelease, encoding: Encoding) -> Iterator[Image]:
    for slot, path in new.images:
        if slot in new.verity:
            yield files.add_verity_image(slot, path, encoding)
        else:
            yield files.add_image(slot, path, new.format(slot), encoding)


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
    raw = set(slots).difference(new.tars)
    if not raw.issuperset(new.verity):
        raise ConfigError(
            f"verity: expected some of the raw images {', '.join(sorted(raw)) or '(none)'}, got "
            f"{', '.join(new.verity)}"
        )
    # before hours of work on the images beside it
    for slot, path in new.images:
        with open_image(path) as (source, image_bytes):
            if slot in new.tars:
                _check_archive(path, read_pieces(source, image_bytes, _PIECE_BYTES))


def _check_archive(path: Path, pieces: Iterator[bytes]) -> None:
    """Refuse what no device could unpack; each device's settings may allow less."""
    try:
        for _ in checked(Archive(pieces), Rules(system=True)):
            pass
    except PayloadError as e:
        raise ConfigError(f"image {path}: {e}") from e


def list_releases(repository: Repository, product: str | None = None) -> list[Catalog]:
    """What each product offers, as staged or else published.

    Raises:
        ConfigError: there is no such product.
    """
    if product is not None:
        delegation(repository, product)
    names = [product] if product else metadata.delegated(repository.current("targets", Targets).signed)
    return [read_catalog(name, repository.current(name, Targets).signed) for name in names]
