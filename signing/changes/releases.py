"""Changes of a product's releases and channels, in words; staged files are checked on the way."""

from collections.abc import Iterator

from tuf.api.metadata import Targets

from ota_client.errors import PayloadError
from ota_client.manifest import Image, ImageFormat, ReleaseManifest
from ota_client.payload import Index
from signing.errors import RepositoryFileError
from signing.release import read_manifest
from signing.repository import Repository
from signing.storage.catalog import Catalog, ListedRelease, read_catalog
from signing.verify import check_content


def product_changes(repository: Repository, product: str, before: Targets, after: Targets) -> list[str]:
    """What changes for the devices of a product.

    Raises:
        RepositoryFileError: a manifest, an index and the metadata do not agree.
    """
    old, new = read_catalog(product, before), read_catalog(product, after)
    lines: list[str] = []
    worded: set[str] = set()
    known = {release.version for release in old.releases}
    for release in new.releases:
        if release.version not in known:
            manifest = read_manifest(repository, product, release.version, release.sha256)
            _check_entries(repository, manifest, release, after)
            worded |= _paths(manifest)
            lines += _release_lines(manifest)
    kept = {release.version for release in new.releases}
    for release in old.releases:
        if release.version not in kept:
            lines.append(f"- release {product} {release.version} is retired; its files are removed")
    lines += _channel_changes(product, old, new)
    retired = {str(version) for version in known - kept}
    return lines + list(_unworded(product, before, after, worded, retired))


def _release_lines(manifest: ReleaseManifest) -> Iterator[str]:
    yield f"+ release {manifest.product} {manifest.version}, rollback index {manifest.rollback_index}"
    yield f"    hardware ids: {', '.join(manifest.hardware_ids)}"
    if manifest.min_version is not None:
        yield f"    only for devices that run {manifest.min_version} or newer"
    for image in manifest.images:
        payload_bytes = image.payload.data_bytes
        kind = "tar, " if image.format is ImageFormat.TAR else ""
        yield f"    image {image.slot}: {kind}{image.size_bytes} bytes, payload {payload_bytes} bytes"
        yield f"      sha256 {image.sha256}"
        if image.verity is not None:
            yield f"      dm-verity root hash {image.verity.root_hash}, as the hash tree has it"
    own = [a for a in manifest.advisories if a.fixed_in == manifest.version]
    for advisory in own:
        yield f"    advisory {advisory.id} ({advisory.severity}): {advisory.summary}"
        yield f"      the owner should: {advisory.action}"
    carried = len(manifest.advisories) - len(own)
    if carried:
        yield f"    and {carried} advisories of earlier releases"
    sbom = manifest.sbom
    if sbom is not None:
        yield f"    sbom {sbom.file}: {sbom.size_bytes} bytes, sha256 {sbom.sha256}"
    if manifest.notes:
        yield f"    notes: {manifest.notes.splitlines()[0][:200]}"


def _channel_changes(product: str, old: Catalog, new: Catalog) -> Iterator[str]:
    for name in sorted(old.channels.keys() | new.channels.keys()):
        before, after = old.channels.get(name), new.channels.get(name)
        if before != after:
            yield f"  channel {name} of {product}: {before or 'new'} -> {after or 'removed'}"


def _unworded(
    product: str, before: Targets, after: Targets, worded: set[str], retired: set[str]
) -> Iterator[str]:
    """Every other difference, so that nothing slips past the reviewer (C10)."""
    for path in sorted(before.targets.keys() | after.targets.keys()):
        _, version, _ = path.split("/")
        if path in worded or version == "channels":
            continue
        if path not in after.targets and version not in retired:
            yield f"UNUSUAL: file {path} is removed"
        elif path in after.targets and before.targets.get(path) != after.targets[path]:
            entry = after.targets[path]
            yield f"UNUSUAL: file {path}: {entry.length} bytes, sha256 {entry.hashes.get('sha256')}"
    forgotten = set(before.unrecognized_fields.get("x-retired", ())).difference(
        after.unrecognized_fields.get("x-retired", ())
    )
    for version in sorted(forgotten):
        yield f"UNUSUAL: the retired version {version} is forgotten, and could come back"
    if after.delegations is not None:
        yield f"UNUSUAL: role {product} delegates to others"


def _paths(manifest: ReleaseManifest) -> set[str]:
    names = ["manifest.json"]
    for image in manifest.images:
        names += [f"{image.slot}.index", f"{image.slot}.data"]
    if manifest.sbom is not None:
        names.append(manifest.sbom.file)
    return {f"{manifest.product}/{manifest.version}/{name}" for name in names}


def _check_entries(
    repository: Repository, manifest: ReleaseManifest, listed: ListedRelease, targets: Targets
) -> None:
    told = (manifest.version, manifest.rollback_index)
    if told != (listed.version, listed.rollback_index):
        raise RepositoryFileError(
            f"release {listed.version}: its manifest and its metadata entry differ"
        )
    sbom = manifest.sbom
    if sbom is not None:
        entry = targets.targets.get(f"{manifest.product}/{manifest.version}/{sbom.file}")
        if entry is None or (entry.length, entry.hashes.get("sha256")) != (sbom.size_bytes, sbom.sha256):
            raise RepositoryFileError(
                f"release {listed.version}: its sbom and its metadata entry differ"
            )
    for image in manifest.images:
        _check_image(repository, f"{manifest.product}/{manifest.version}", image, targets)


def _check_image(repository: Repository, folder: str, image: Image, targets: Targets) -> None:
    """The digest that the reviewer sees must be the one that the payload's index leads to."""
    payload = image.payload
    data = targets.targets.get(f"{folder}/{image.slot}.data")
    entry = targets.targets.get(f"{folder}/{image.slot}.index")
    try:
        index = Index.from_bytes(
            repository.read_target(
                f"{folder}/{payload.index_sha256}.{image.slot}.index", payload.index_sha256
            )
        )
    except PayloadError as e:
        raise RepositoryFileError(f"{folder}/{image.slot}.index: {e}") from e
    told = (image.size_bytes, image.sha256, payload.data_bytes, payload.data_bytes, payload.index_sha256)
    found = (
        index.image_bytes,
        index.image_sha256.hex(),
        index.data_bytes,
        data.length if data else None,
        entry.hashes.get("sha256") if entry else None,
    )
    if told != found:
        raise RepositoryFileError(
            f"{folder}/{image.slot}: its manifest, index and metadata entries do not agree"
        )
    if image.verity is not None and data is not None:
        path = f"{folder}/{data.hashes.get('sha256')}.{image.slot}.data"
        _check_hash_tree(repository, path, image, index)


def _check_hash_tree(repository: Repository, path: str, image: Image, index: Index) -> None:
    """Nobody can see a root hash in an image: what is signed must be what its tree has."""
    with repository.target_file(path).open("rb") as file:
        try:
            check_content(image, index, file.read)
        except PayloadError as e:
            raise RepositoryFileError(f"{path}: {e}") from e
