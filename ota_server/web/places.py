"""How many streams may be open at a time: of all, and of each person (B07)."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ota_server.errors import TooManyError

EACH_MOST: Final = 16
_RETRY_S: Final = 30


class Places:
    """Counts who holds how many.

    Args:
        most: of all together.
        each_most: of one person: nobody takes them all.
    """

    def __init__(self, most: int, each_most: int = EACH_MOST) -> None:
        self._most, self._each_most = most, each_most
        self._held: Counter[str] = Counter()

    def take(self, who: str) -> None:
        """Take one; it is counted at once, so those that come together do not pass together.

        Raises:
            TooManyError: there is none left.
        """
        if self._held.total() >= self._most or self._held[who] >= self._each_most:
            raise TooManyError("too many streams are open at a time", _RETRY_S)
        self._held[who] += 1

    def give_back(self, who: str) -> None:
        """Leave one."""
        self._held[who] -= 1
        if self._held[who] <= 0:
            del self._held[who]


class PlacedResponse(StreamingResponse):
    """A stream whose place was taken; it is given back when the stream is over, or never begins.

    Args:
        content: what is sent.
        places: where it was taken.
        who: whose it is.
        media_type: of the content.
        headers: further ones.
    """

    def __init__(
        self,
        content: AsyncIterator[bytes],
        places: Places,
        who: str,
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._places, self._who = places, who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.give_back(self._who)
