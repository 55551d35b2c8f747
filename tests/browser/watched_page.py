"""Chromium, and pages in it of which nothing may go wrong unseen."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

CHROMIUM = Path("/usr/bin/chromium")
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# the machine may be busy
_PATIENCE_MS = 30_000
_COOKIE = "__Host-ratchet"
# what a refused page says of itself; a test that wants one asks for it
_REFUSED = "Failed to load resource: the server responded with a status of 4"


def launch(playwright: Playwright, pin: str) -> Browser:
    """Start Chromium; it believes the one server key, and no other without a certificate."""
    expect.set_options(timeout=_PATIENCE_MS)
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", f"--ignore-certificate-errors-spki-list={pin}"],
    )


@dataclass
class Troubles:
    """What the browser complained of."""

    said: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.said.append(f"page error: {error}"))
        page.on("dialog", self._dialog)
        page.on("response", self._answered)

    def allow_refusals(self) -> None:
        """A status 4xx is what the test wants to see."""
        self.allowed.append(_REFUSED)

    def unexpected(self) -> list[str]:
        return [text for text in self.said if not any(known in text for known in self.allowed)]

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.said.append(f"{kind}: {text}")

    def _dialog(self, dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _answered(self, response) -> None:
        if response.status >= 500:
            self.said.append(f"{response.status} {response.url}")


@dataclass
class Person:
    """Somebody at a browser of their own.

    Attributes:
        troubles: what their browser complained of.
    """

    context: BrowserContext
    url: str
    troubles: Troubles = field(default_factory=Troubles)

    def open(self, path: str = "/") -> Page:
        """A new tab at a path of the dashboard."""
        page = self.context.new_page()
        self.troubles.watch(page)
        page.goto(path)
        return page


@contextmanager
def person(browser: Browser, url: str, *, token: str = "", **options):
    """A person, signed in by a session's token or not at all; nothing may have gone wrong at the end."""
    context = browser.new_context(base_url=url, **{"viewport": DESK, **options})
    context.set_default_timeout(_PATIENCE_MS)
    if token:
        strict = {"secure": True, "httpOnly": True, "sameSite": "Strict"}
        context.add_cookies([{"name": _COOKIE, "value": token, "url": url, **strict}])
    one = Person(context, url)
    try:
        yield one
        wrong = one.troubles.unexpected()
        assert not wrong, wrong
    finally:
        context.close()
