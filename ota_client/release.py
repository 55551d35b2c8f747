"""A release that passed every signature check: the only thing that a slot writer accepts."""

from dataclasses import dataclass

from ota_client.manifest import ReleaseManifest


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file that signed metadata lists.

    Attributes:
        path: below the repository's ``targets/``, hash-prefixed (TUF, section 6.2).
        size_bytes: exact.
        sha256: in hexadecimal.
    """

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VerifiedImage:
    """The two files of one image's payload."""

    slot: str
    index: VerifiedFile
    data: VerifiedFile


@dataclass(frozen=True, slots=True)
class VerifiedRelease:
    """A manifest and its files, as the pinned root's chain of signatures vouches for them.

    Only ``trust.py`` makes one; a test walks the source for that.

    Attributes:
        sha256: of the manifest's bytes; the release's identity in state and reports.
        base_url: the repository that answered.
    """

    manifest: ReleaseManifest
    sha256: str
    images: tuple[VerifiedImage, ...]
    base_url: str
