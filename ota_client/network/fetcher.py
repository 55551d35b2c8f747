"""The port to the network: what the device asks of whatever carries its bytes."""

from contextlib import AbstractContextManager
from typing import Protocol


class Body(Protocol):
    """An answer that is read piece by piece."""

    def read(self, size_bytes: int) -> bytes:
        """Read exactly ``size_bytes``.

        Raises:
            FetchError: the connection broke, or the body ended early.
        """


class Fetcher(Protocol):
    """Carries bytes, decides nothing. ``fetch.py`` speaks HTTP; tests bring a repository in memory."""

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch a whole small file.

        Raises:
            HttpStatusError: the server answered, with a status that is no success.
            ResponseTooLongError: the body has more than ``max_bytes``.
            FetchError: anything else that went wrong.
        """

    def open_range(self, url: str, *, start: int, stop: int) -> AbstractContextManager[Body]:
        """Open the bytes from ``start`` up to, not including, ``stop`` in one request.

        Raises:
            HttpStatusError: the server answered, with a status that is no success.
            FetchError: anything else that went wrong.
        """


class Line(Protocol):
    """The way to the update server: requests with a body, and short answers."""

    def send(self, method: str, url: str, body: bytes, *, max_bytes: int) -> bytes:
        """Send a JSON body, possibly more than once, and take the whole answer.

        Raises:
            NotAuthorisedError: the server does not know the device, or does not let it.
            HttpStatusError: another status that is no success, with its Retry-After.
            ResponseTooLongError: the answer has more than ``max_bytes``.
            FetchError: anything else that went wrong.
        """
