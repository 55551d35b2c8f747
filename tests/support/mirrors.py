"""Several repositories at several addresses."""

from contextlib import AbstractContextManager

from ota_client.network.fetcher import Body, Fetcher
from support.memory_repository import BASE_URL


class Mirrors:
    """Hands each request to the repository at its address.

    Args:
        repositories: by base URL.
    """

    def __init__(self, repositories: dict[str, Fetcher]) -> None:
        self._repositories = repositories

    def get(self, url: str, *, max_bytes: int) -> bytes:
        repository, url = self._route(url)
        return repository.get(url, max_bytes=max_bytes)

    def open_range(self, url: str, *, start: int, stop: int) -> AbstractContextManager[Body]:
        repository, url = self._route(url)
        return repository.open_range(url, start=start, stop=stop)

    def _route(self, url: str) -> tuple[Fetcher, str]:
        base = next(base for base in self._repositories if url.startswith(base))
        return self._repositories[base], BASE_URL + url.removeprefix(base)
