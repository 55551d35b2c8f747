"""A repository in a folder, read as if a server sent it: for USB sticks, tests and ``ota-sign``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from ota_client.errors import FetchError, HttpStatusError, ResponseTooLongError
from ota_client.network.fetcher import Body


class DirectoryFetcher:
    """Serves a folder under ``base_url``, and nothing outside it.

    Args:
        folder: a published tree, which holds ``metadata/`` and ``targets/``. A symbolic link is
            followed once, here: the fetcher sees one published state even if the link moves on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self.base_url = f"{self._folder.as_uri()}/"

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """Read a whole small file; see ``Fetcher``."""
        with self._open(url) as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise ResponseTooLongError(f"{url}: expected {max_bytes} bytes at most, got more")
        return data

    @contextmanager
    def open_range(self, url: str, *, start: int, stop: int) -> Iterator[Body]:
        """Open a part of a file; see ``Fetcher``."""
        with self._open(url) as file:
            if not 0 <= start < stop <= os.fstat(file.fileno()).st_size:
                status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
                raise HttpStatusError(f"{url}: expected bytes {start} to {stop}, it is shorter", status)
            file.seek(start)
            yield _FileBody(file, url)

    @contextmanager
    def _open(self, url: str) -> Iterator[BinaryIO]:
        path = (self._folder / unquote(url.removeprefix(self.base_url))).resolve()
        if not (url.startswith(self.base_url) and path.is_relative_to(self._folder) and path.is_file()):
            raise HttpStatusError(f"{url}: expected a file, got none", HTTPStatus.NOT_FOUND)
        try:
            with path.open("rb") as file:
                yield file
        except OSError as e:
            raise FetchError(f"{url}: {e.strerror}") from e


class _FileBody:
    def __init__(self, file: BinaryIO, url: str) -> None:
        self._file = file
        self._url = url

    def read(self, size_bytes: int) -> bytes:
        data = self._file.read(size_bytes)
        if len(data) != size_bytes:
            raise FetchError(f"{self._url}: expected {size_bytes} more bytes, got {len(data)}")
        return data
