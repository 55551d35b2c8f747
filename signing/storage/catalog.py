"""What a product's role lists: releases, retired releases, channels."""

from dataclasses import dataclass

from tuf.api.metadata import TargetFile, Targets

from ota_client.errors import ConfigError
from ota_client.formats.version import Version
from signing.errors import RepositoryFileError

_INDEX_FIELD = "rollback_index"
_RETIRED_FIELD = "x-retired"


@dataclass(frozen=True, slots=True)
class ListedRelease:
    """A release as its role's metadata lists it.

    Attributes:
        sha256: of its manifest; empty for a retired one.
    """

    version: Version
    rollback_index: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """A product's releases, oldest first, and its channels.

    Attributes:
        retired: releases that were public and are no longer listed. Their versions are never used
            again (A31), and their rollback indexes still bind devices.
    """

    product: str
    releases: tuple[ListedRelease, ...]
    retired: tuple[ListedRelease, ...]
    channels: dict[str, Version]

    def find(self, version: Version) -> ListedRelease:
        """One release.

        Raises:
            ConfigError: it is not listed.
        """
        for release in self.releases:
            if release.version == version:
                return release
        newest = ", ".join(str(release.version) for release in self.releases[-5:]) or "none yet"
        raise ConfigError(
            f"release {self.product} {version}: expected one that is listed (newest: {newest})"
        )

    def before(self, version: Version) -> ListedRelease | None:
        """The newest release below ``version``."""
        return max((r for r in self.releases if r.version < version), default=None, key=_by_version)


def read_catalog(product: str, targets: Targets) -> Catalog:
    """What a product's role lists. The metadata alone is read, so thousands of releases cost little.

    Raises:
        RepositoryFileError: the metadata was not written by ``ota-sign``.
    """
    try:
        return _read(product, targets)
    except (KeyError, TypeError, ValueError) as e:
        raise RepositoryFileError(f"role {product}: expected releases and channels, got {e!r}") from e


def _read(product: str, targets: Targets) -> Catalog:
    releases, channel_files = [], {}
    for path, file in targets.targets.items():
        _, version, name = path.split("/")
        if version == "channels":
            channel_files[name.removesuffix(".json")] = file.hashes["sha256"]
        elif name == "manifest.json":
            releases.append(_listed(version, file))
    by_sha256 = {release.sha256: release.version for release in releases}
    retired: dict[str, int] = targets.unrecognized_fields.get(_RETIRED_FIELD, {})
    return Catalog(
        product,
        tuple(sorted(releases, key=_by_version)),
        tuple(ListedRelease(Version.parse(v), index, "") for v, index in retired.items()),
        {name: by_sha256[sha256] for name, sha256 in sorted(channel_files.items())},
    )


def list_release(targets: Targets, manifest: TargetFile, index: int) -> None:
    """Enter a release's manifest. Its rollback index is noted with it, to be read without the file."""
    manifest.unrecognized_fields["custom"] = {_INDEX_FIELD: index}
    targets.targets[manifest.path] = manifest


def note_retired(targets: Targets, release: ListedRelease) -> None:
    """Remember a version that must not come back with other content (A31)."""
    retired = targets.unrecognized_fields.setdefault(_RETIRED_FIELD, {})
    retired[str(release.version)] = release.rollback_index


def _listed(version: str, manifest: TargetFile) -> ListedRelease:
    index = int(manifest.custom[_INDEX_FIELD])
    return ListedRelease(Version.parse(version), index, manifest.hashes["sha256"])


def _by_version(release: ListedRelease) -> Version:
    return release.version
