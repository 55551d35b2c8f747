"""A release that passed every signature check: the only thing that a slot writer accepts."""

import hashlib
from dataclasses import dataclass

from ota_client.errors import VerificationError
from ota_client.manifest import Image, ReleaseManifest
from ota_client.network.fetcher import Fetcher


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

    def url(self, base_url: str) -> str:
        """Where a repository keeps the file."""
        return f"{base_url}targets/{self.path}"

    def fetch(self, fetcher: Fetcher, base_url: str, *, max_bytes: int) -> bytes:
        """Fetch the file, a small one, whole.

        Raises:
            FetchError: the network failed.
            VerificationError: it is longer than ``max_bytes``, or not the file that was signed.
        """
        if self.size_bytes > max_bytes:
            raise VerificationError(
                f"{self.path}: expected {max_bytes} bytes at most, got {self.size_bytes}"
            )
        data = fetcher.get(self.url(base_url), max_bytes=self.size_bytes)
        if len(data) != self.size_bytes or hashlib.sha256(data).hexdigest() != self.sha256:
            raise VerificationError(
                f"{self.path}: expected the signed {self.size_bytes} bytes, got {len(data)} other bytes"
            )
        return data


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
    """

    manifest: ReleaseManifest
    sha256: str
    images: tuple[VerifiedImage, ...]

    def files_of(self, image: Image) -> VerifiedImage:
        """The payload of one of the release's images."""
        return next(files for files in self.images if files.slot == image.slot)
