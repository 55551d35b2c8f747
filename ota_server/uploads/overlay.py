"""The published files as they would be: what was uploaded beside what is published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ota_server.catalog import SmallFiles
from ota_server.errors import NotPublishedError, PublishedFolderError, UploadRefusedError
from ota_server.files.name import parts_of

_KEPT_MOST_BYTES: Final = 64 * 1024 * 1024


class Overlay:
    """Reads each file once: what was verified is what is looked at later (C09).

    Args:
        published: what is served now.
        staged: where the uploaded files lie, by name.
        named: all names of the upload's list; no other exists here, but for roots, as a device asks for
            the next one.
    """

    def __init__(self, published: SmallFiles, staged: Mapping[str, Path], named: frozenset[str]) -> None:
        self._published, self._staged, self._named = published, staged, named
        self._read: dict[str, bytes] = {}
        self._kept_bytes = 0

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """Read a whole file; raises as ``ota_server.catalog.SmallFiles`` says."""
        parts_of(name)
        if name not in self._named:
            raise NotPublishedError(f"{name} is not in the upload")
        content = self._read.get(name)
        if content is None:
            content = self._content(name, most_bytes)
            self._kept_bytes += len(content)
            if self._kept_bytes > _KEPT_MOST_BYTES:
                raise UploadRefusedError(
                    f"expected {_KEPT_MOST_BYTES} bytes of metadata at most, got more"
                )
            self._read[name] = content
        if len(content) > most_bytes:
            raise UploadRefusedError(f"{name}: expected at most {most_bytes} bytes, got more")
        return content

    def _content(self, name: str, most_bytes: int) -> bytes:
        path = self._staged.get(name)
        if path is None:
            return self._published.read_small(name, most_bytes)
        try:
            with path.open("rb") as file:
                return file.read(most_bytes + 1)
        except OSError as e:
            raise PublishedFolderError(f"{name} cannot be read: {e.strerror}") from e
