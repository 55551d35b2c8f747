"""What an upload is made of: names, sizes and hashes, as the publisher lists them at its begin."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from ota_client.formats.strict import Fields, canonical_json, parse_json
from ota_server.errors import InvalidError, NotPublishedError
from ota_server.files.name import parts_of

LIST_MOST_BYTES: Final = 8 * 1024 * 1024
FILES_MOST: Final = 20_000
_FILE_MOST_BYTES: Final = 2**50


@dataclass(frozen=True, slots=True, order=True)
class UploadFile:
    """One file.

    Attributes:
        name: as published, such as ``metadata/timestamp.json``.
    """

    name: str
    size_bytes: int
    sha256: str

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {"name": self.name, "size_bytes": self.size_bytes, "sha256": self.sha256}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the fields strictly.

        Raises:
            InvalidError: no published file can have the name (A27), or a field is wrong.
        """
        name = fields.text("name", longest=1024)
        try:
            parts_of(name)
        except NotPublishedError as e:
            raise InvalidError(
                f"files: expected names such as metadata/timestamp.json, got {name[:80]!r}"
            ) from e
        size_bytes = fields.integer("size_bytes", highest=_FILE_MOST_BYTES)
        file = cls(name, size_bytes, fields.sha256("sha256"))
        fields.finish()
        return file


@dataclass(frozen=True, slots=True)
class UploadList:
    """All files of a published state, whether or not the server has them already.

    Attributes:
        files: in the order of their names.
    """

    files: tuple[UploadFile, ...]

    @classmethod
    def of(cls, files: Iterable[UploadFile]) -> Self:
        """Put the files in order.

        Raises:
            InvalidError: there are none, too many, or two of one name.
        """
        ordered = tuple(sorted(files))
        if not 0 < len(ordered) <= FILES_MOST:
            raise InvalidError(f"files: expected 1 to {FILES_MOST}, got {len(ordered)}")
        names = {file.name for file in ordered}
        if len(names) != len(ordered):
            raise InvalidError("files: expected each name once, got one twice")
        sizes: dict[str, int] = {}
        for file in ordered:
            if sizes.setdefault(file.sha256, file.size_bytes) != file.size_bytes:
                raise InvalidError(f"files: {file.name} has the sha256 of a file of another size")
        return cls(ordered)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the list strictly.

        Raises:
            InvalidError: it is not one.
        """
        value = parse_json(data, max_bytes=LIST_MOST_BYTES, what="the list", error=InvalidError)
        fields = Fields(value, "the list", InvalidError)
        files = cls.of(UploadFile.read(file) for file in fields.tables("files", most=FILES_MOST))
        fields.finish()
        return files

    def to_bytes(self) -> bytes:
        """Write it as JSON."""
        return canonical_json({"files": [file.to_fields() for file in self.files]})

    @property
    def id(self) -> str:
        """The upload's name: the same list is the same upload, so a begin may be repeated."""
        return hashlib.sha256(self.to_bytes()).hexdigest()
