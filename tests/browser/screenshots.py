"""Pictures of every page for the documentation: light, dark, and on a phone (``make screenshots``)."""

import argparse
import base64
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from every_page import needs_an_account, pages_with_something_in_them
from playwright.sync_api import Page, sync_playwright
from running_dashboard import key_pin
from still_dashboard import still_dashboard
from watched_page import DESK, PHONE, launch, person

PICTURES = Path(__file__).parents[2] / "docs" / "images" / "dashboard"
GALLERY = PICTURES.parents[1] / "explanation" / "dashboard-pictures.md"
_INTRODUCTION = """\
# The dashboard in pictures

Every page as a browser shows it: light, dark, and on a phone. `make screenshots` takes the pictures, of
a fleet of the tests, with a clock that stands still. [What the pages are for](../reference/pages.md),
and [why they are so](dashboard.md).
"""
_TALLEST = 2400
_ONE_OF = {"advisories": "advisory", "audit": "audit-entry"}


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    name: str
    viewport: dict[str, int]
    color_scheme: str


LOOKS = (Look("light", DESK, "light"), Look("dark", DESK, "dark"), Look("phone", PHONE, "light"))


def main() -> int:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PICTURES)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--png", action="store_true", help="in the format that every viewer knows")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        still_dashboard(Path(folder, "server")) as (dashboard, fleet),
        sync_playwright() as playwright,
    ):
        browser = launch(playwright, key_pin(dashboard.folder / "server.pem"))
        code = dashboard.invitation_of("kai")
        addresses = {
            name: address for name, address in _addresses(fleet, code).items() if options.only in name
        }
        tokens = {True: dashboard.session_of("mia"), False: ""}
        for look, has_account in product(LOOKS, tokens):
            mine = {n: a for n, a in addresses.items() if _has_account(a) is has_account}
            # a pulse would be another picture each time
            appearance = {"viewport": look.viewport, "color_scheme": look.color_scheme}
            appearance |= {"reduced_motion": "reduce"}
            with person(browser, dashboard.url, token=tokens[has_account], **appearance) as visitor:
                page = visitor.open("/sign-in")
                for name, address in mine.items():
                    page.goto(address)
                    _take(page, options.to / f"{name}-{look.name}", is_png=options.png)
        browser.close()
    if options.to == PICTURES and not options.only:
        GALLERY.write_text(gallery(addresses))
    return 0


def gallery(names) -> str:
    """The page that shows them all."""
    rows = [
        " | ".join([f"| {name}", *(_shown(name, look) for look in LOOKS)]) + " |"
        for name in sorted(names)
    ]
    heads = ("| page | light | dark | phone |", "|---|---|---|---|")
    return "\n".join([_INTRODUCTION, *heads, *rows, ""])


def _shown(name: str, look: Look) -> str:
    path = f"../images/dashboard/{name}-{look.name}.webp"
    width = 100 if look.viewport is PHONE else 280
    return f'[<img src="{path}" alt="{name}, {look.name}" width="{width}">]({path})'


def _addresses(fleet, code: str) -> dict[str, str]:
    named = {
        name_of(path): address
        for path, address in pages_with_something_in_them(fleet.rollouts, code).items()
    }
    of_rollouts = {
        "rollout-running": f"/rollouts/{fleet.rollouts['closes-acme-014']}",
        "rollout-proposed": f"/rollouts/{fleet.rollouts['certified']}",
    }
    return named | of_rollouts


def name_of(path: str) -> str:
    """A file's name for a path's pattern, such as device-decommission."""
    parts = path.replace("+", "").strip("/").split("/")
    words = [word for word in parts if not word.startswith("{")]
    if len(words) < len(parts):
        words[0] = _ONE_OF.get(words[0], words[0].removesuffix("s"))
    return "-".join(words) or "overview"


def _has_account(address: str) -> bool:
    return needs_an_account(address.partition("?")[0])


def _take(page: Page, path: Path, *, is_png: bool) -> None:
    """As long as the page is, up to a few screens."""
    height = min(page.evaluate("document.documentElement.scrollHeight"), _TALLEST)
    width = page.viewport_size["width"]
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    how = {"format": "png"} if is_png else {"format": "webp", "quality": 80}
    devtools = page.context.new_cdp_session(page)
    shot = devtools.send("Page.captureScreenshot", {**how, "clip": clip, "captureBeyondViewport": True})
    devtools.detach()
    path.with_suffix(".png" if is_png else ".webp").write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    sys.exit(main())
