"""Style, script and icon: read and packed once, named by their content, and so kept forever."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starlette.responses import Response

FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_DIGEST_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent; ``path`` changes with the content."""

    path: str
    media_type: str
    content: bytes
    packed: bytes

    def answer(self, *, takes_gzip: bool) -> Response:
        """The file, packed if the browser takes that."""
        headers = {
            "content-type": self.media_type,
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "accept-encoding",
        }
        if takes_gzip:
            headers["content-encoding"] = "gzip"
        return Response(self.packed if takes_gzip else self.content, headers=headers)


@cache
def static_files() -> Mapping[str, StaticFile]:
    """All of them, by the name of their file."""
    return {name: _read(name, media_type) for name, media_type in _TYPES.items()}


def path_of(name: str) -> str:
    """Where a file is now, for templates."""
    return static_files()[name].path


def _read(name: str, media_type: str) -> StaticFile:
    content = (FOLDER / name).read_bytes()
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]
    path = f"/static/{stem}.{digest}.{ending}"
    return StaticFile(path, media_type, content, gzip.compress(content, 9, mtime=0))
