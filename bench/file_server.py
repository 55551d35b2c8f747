"""A server that costs as little as a server can: ``python -m bench.file_server FOLDER``.

Both sides of a comparison fetch from it. The kernel sends the files; the first line of output is the
address.
"""

import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self._head(HTTPStatus.NOT_FOUND, 0)
            return
        with path.open("rb") as file:
            size_bytes = path.stat().st_size
            match = _RANGE.fullmatch(self.headers.get("Range", ""))
            if match is None:
                self._head(HTTPStatus.OK, size_bytes)
                self.connection.sendfile(file)
                return
            start, last = int(match[1]), int(match[2])
            content_range = f"bytes {start}-{last}/{size_bytes}"
            self._head(HTTPStatus.PARTIAL_CONTENT, last + 1 - start, content_range)
            self.connection.sendfile(file, start, last + 1 - start)

    def _head(self, status: HTTPStatus, size_bytes: int, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(size_bytes))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    """Serve until the process is ended."""
    _Handler.folder = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}/\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
