"""What the server asks of the place where the published files lie."""

from typing import Protocol


class StoredFile(Protocol):
    """An open file; it stays what it is when a publisher replaces it."""

    @property
    def size_bytes(self) -> int:
        """Exact."""

    @property
    def modified_s(self) -> float:
        """When it was written, seconds since 1970."""

    @property
    def tag(self) -> str:
        """Changes with the content."""

    async def read(self, start: int, most_bytes: int) -> bytes:
        """Read from ``start``: at least one byte, and no more than is well held in memory.

        Raises:
            PublishedFolderError: the store failed, or the file was cut short while it was read.
        """

    async def address(self) -> str | None:
        """Where the client is to read it itself; None means here."""

    def close(self) -> None:
        """Let go of it."""


class FileStore(Protocol):
    """The published files."""

    async def open(self, name: str) -> StoredFile:
        """Open ``metadata/...`` or ``targets/...``; the caller closes it.

        Raises:
            NotPublishedError: there is no such file, or no file can have the name (A27).
            PublishedFolderError: the store cannot be read.
        """

    async def check(self) -> None:
        """Make sure that a repository can be served.

        Raises:
            NotPublishedError: there is no timestamp, so no repository.
            PublishedFolderError: the store cannot be read.
        """

    def read_small(self, name: str, most_bytes: int) -> bytes:
        """Read a whole file, in a thread that may wait: for the catalog.

        Raises:
            NotPublishedError: there is no such file.
            PublishedFolderError: the store cannot be read, or the file has more than ``most_bytes``.
        """
