"""The upload doors of an update server, in memory but for its files, and a line to them."""

import asyncio
import hashlib
import json
from types import SimpleNamespace

from ota_client.errors import FetchError
from ota_client.formats.strict import Fields
from ota_server.catalog import Catalog
from ota_server.files.folder import PublishedFolder
from ota_server.operators import api_token
from ota_server.operators.role import Grant, Role
from ota_server.settings.uploads import UploadSettings
from ota_server.uploads.opening import open_uploads
from ota_server.web.api.parts import ApiParts
from ota_server.web.limits import Limits
from ota_server.web.metrics import Metrics
from ota_server.web.peer import NoPeers
from ota_server.web.uploads import BODY_MOST_BYTES, UploadDoor
from signing.errors import ServerUnreachableError
from signing.publication.server import ServerDestination
from signing.publication.server_line import _refusal
from support.fleet import open_database

UPLOADS = "/api/v1/uploads"


class UploadServer:
    """A server whose published folder is ``www``; its clock is the desk's."""

    def __init__(self, folder, clock, /, *, bucket=None, root=None, **settings):
        self.clock, self.www = clock, folder / "www"
        self._runner = asyncio.Runner()
        self.database = open_database(folder)
        self._settings = (UploadSettings(**settings), self.www, bucket, root)
        self.restart()

    def restart(self):
        """Another process: nothing but the disk remembers."""
        files = PublishedFolder(self.www)
        self.uploads = open_uploads(*self._settings)
        catalog = Catalog(files, clock=self.clock)
        parts = ApiParts(self.database, catalog, NoPeers(), clock=self.clock)
        door = UploadDoor(parts, self.uploads, Metrics())
        self.app = Limits(door, requests_most=8, takes_bodies=True, body_most_bytes=BODY_MOST_BYTES)

    def close(self):
        self._runner.close()
        self.database.close()

    def token(self, *grants, name="ci"):
        given = [Grant(Role(role), product) for role, product in grants or [("admin", "*")]]
        with self.database.begin() as connection:
            made = api_token.issue(
                connection, name=name, grants=given, operator_id=None, now=self.clock()
            )
        return made.token

    def ask(self, method, path, body=b"", *, token=None, headers=()):
        """One request: its status and its JSON."""
        path, _, query = path.partition("?")
        given = [(b"content-length", str(len(body)).encode()), *headers]
        if token is not None:
            given.append((b"authorization", f"Bearer {token}".encode()))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": given,
            "client": ("127.0.0.1", 1),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        self._runner.run(self.app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"], json.loads(content) if content else None

    def put(self, contents):
        """Publish files as they are, as ``ota-sign publish --to DIR`` would."""
        tree = self.www.parent / ".www/1"
        for name, data in contents.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(data)
        self.www.symlink_to(".www/1")

    def begin(self, files, token):
        return self.ask("POST", UPLOADS, json.dumps({"files": files}).encode(), token=token)

    def destination(self, token, **more):
        return ServerDestination(Line(self, token), sleep=lambda _: None, **more)

    def upload(self, contents, token, listed=None):
        """Send files by name as a hostile publisher would; the commit's answer."""
        listed = listed or [
            {"name": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in contents.items()
        ]
        status, answer = self.begin(listed, token)
        if status >= 300 or answer["published"]:
            return status, answer
        by_hash = {hashlib.sha256(data).hexdigest(): data for data in contents.values()}
        for one in answer["missing"]:
            data = by_hash[one["sha256"]]
            address = f"{UPLOADS}/{answer['id']}/files/{one['sha256']}?offset={one['offset']}"
            status, said = self.ask("PUT", address, data[one["offset"] :], token=token)
            if status >= 300:
                return status, said
        return self.ask("POST", f"{UPLOADS}/{answer['id']}/commit", token=token)


class Line:
    """A ``ServerLine`` without a network.

    Attributes:
        asked: method and path of each request.
        break_at: the number of the request before which the line breaks.
        sent_bytes: of files.
    """

    url = "https://updates.example/"

    def __init__(self, server, token):
        self.server, self.token = server, token
        self.asked, self.break_at, self.sent_bytes = [], set(), 0

    def request(self, method, path, body=b"", **_):
        self.asked.append(f"{method} {path.partition('?')[0]}")
        if len(self.asked) in self.break_at:
            raise ServerUnreachableError("cut")
        status, answer = self.server.ask(method, path, body, token=self.token)
        if status >= 300:
            raise _refusal(self.url, SimpleNamespace(status=status), json.dumps(answer).encode())
        self.sent_bytes += len(body) if method == "PUT" else 0
        return Fields(answer, "the answer", FetchError)

    def close(self):
        pass
