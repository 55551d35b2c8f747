"""What a browser receives for each page: every kind of page that links lead to from the overview."""

import gzip
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Final

from starlette.routing import compile_path

from bench import caller
from bench.pages_scene import Scene
from ota_server.web.pages.table import PAGES

_LINK: Final = re.compile(r'href="(/[^"#]*)')
_ASSET: Final = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_END_OF_HEAD: Final = b"\r\n\r\n"
_PATHS: Final = [page.path for page in PAGES if page.method == "GET" and not page.is_part]
_PIECE_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class PageSize:
    """What came, head and body, packed as it was sent.

    Attributes:
        path: of the page.
        first_bytes: with style, script and icon, as for who comes the first time.
        after_bytes: the page alone: the others are kept.
        unpacked_bytes: of the page's HTML.
    """

    path: str
    first_bytes: int
    after_bytes: int
    unpacked_bytes: int


def page_sizes(scene: Scene) -> list[PageSize]:
    """One page of each kind."""
    known = set[str]()
    left, found = ["/"], list[PageSize]()
    while left:
        address = left.pop(0)
        kind = _kind(address.partition("?")[0])
        if kind is None or kind in known:
            continue
        known.add(kind)
        size, html = _load(scene, address)
        found.append(size)
        left += [unescape(link) for link in _LINK.findall(html)]
    return found


def _load(scene: Scene, address: str) -> tuple[PageSize, str]:
    answer = _ask(scene, address)
    packed = answer.partition(_END_OF_HEAD)[2]
    html = gzip.decompress(packed)
    text = html.decode()
    assets = sum(len(_ask(scene, asset)) for asset in sorted(set(_ASSET.findall(text))))
    return PageSize(address, len(answer) + assets, len(answer), len(html)), text


def _ask(scene: Scene, address: str) -> bytes:
    with caller.to_socket(scene.socket)() as connection:
        connection.sendall(scene.request(address, "Connection: close\r\n"))
        answer = b"".join(_pieces(connection))
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise caller.NotAnsweredError(f"{address}: expected 200, got {answer[:200]!r}")
    return answer


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    while piece := connection.recv(_PIECE_BYTES):
        yield piece


def _kind(path: str) -> str | None:
    """The page's path with its variable parts, as the dashboard's table has it; None for no page."""
    return next((kind for kind in _PATHS if _pattern(kind).match(path)), None)


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    return compile_path(kind)[0]
