"""A browser without a screen: asks the dashboard in the process, keeps cookies, follows redirects."""

import asyncio
import gzip
import html
import re
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode

HOST = "ota.example"


@dataclass(frozen=True)
class Shown:
    """An answer.

    Attributes:
        wire_bytes: of the body as it was sent, packed.
    """

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    body: bytes
    wire_bytes: int
    path: str

    @property
    def text(self):
        return self.body.decode()

    @property
    def words(self):
        """What a reader sees, without tags."""
        return html.unescape(re.sub(r"<[^>]*>", " ", self.text))

    @property
    def csrf(self):
        return re.search(r'name="csrf" value="([0-9a-f]+)"', self.text)[1]

    def links(self):
        return [html.unescape(one) for one in re.findall(r'href="(/[^"]*)"', self.text)]


class Browser:
    """See above; ``get`` and ``post`` follow redirects of ours unless told not to."""

    def __init__(self, app):
        self._app = app
        self.cookies = {}

    def get(self, path, *, follow=True, **headers):
        return self._asked("GET", path, None, follow, headers)

    def post(self, path, fields=(), *, follow=True, **headers):
        """Send a form, with the CSRF token of the last page if the fields have none."""
        fields = dict(fields)
        if "csrf" not in fields and self.last is not None:
            fields["csrf"] = self.last
        body = urlencode(fields, doseq=True).encode()
        headers = {"origin": f"https://{HOST}", **headers}
        return self._asked("POST", path, body, follow, headers)

    last = None

    def _asked(self, method, path, body, follow, headers):
        shown = self._once(method, path, body, headers)
        while follow and shown.status == 303 and shown.headers["location"].startswith("/"):
            shown = self._once("GET", shown.headers["location"], None, {})
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', shown.text)
        self.last = token[1] if token else self.last
        return shown

    def _once(self, method, path, body, headers):
        return asyncio.run(self._ask(method, path, body, headers))

    async def _ask(self, method, path, body, headers):
        given = {"host": HOST, "accept-encoding": "gzip", **headers}
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            given.setdefault("content-type", "application/x-www-form-urlencoded")
            given["content-length"] = str(len(body))
        raw, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": raw,
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()],
            "client": ("192.0.2.7", 50_000),
            "server": (HOST, 443),
        }
        sent, messages = [], [{"type": "http.request", "body": body or b"", "more_body": False}]

        async def receive():
            if messages:
                return messages.pop(0)
            await asyncio.sleep(3600)
            raise AssertionError

        async def send(message):
            sent.append(message)

        await self._app(scope, receive, send)
        return self._read(sent, path)

    def _read(self, sent, path):
        pairs = [(k.decode().lower(), v.decode()) for k, v in sent[0]["headers"]]
        cookies = tuple(value for name, value in pairs if name == "set-cookie")
        for one in cookies:
            for name, morsel in SimpleCookie(one).items():
                self.cookies[name] = morsel.value
                if not morsel.value or morsel["max-age"] == "0":
                    self.cookies.pop(name)
        wire = b"".join(message.get("body", b"") for message in sent[1:])
        headers = dict(pairs)
        body = gzip.decompress(wire) if headers.get("content-encoding") == "gzip" else wire
        return Shown(sent[0]["status"], headers, cookies, body, len(wire), path)
