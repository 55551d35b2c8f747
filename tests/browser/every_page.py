"""Every page of the dashboard, at an address that shows something of the demo's fleet."""

from collections.abc import Mapping

from ota_server.web.pages.page import OpenPage, Page
from ota_server.web.pages.table import OPEN_PAGES, PAGES

# what an address shows that its path does not say
_QUERIES: Mapping[str, str] = {
    "/rollouts/new": "?product=camera&version=2.2.0&group=harbour&name=harbour-first&waves=25%25,+rest"
    "&max_in_flight=20&soak_hours=24&halt_share=10%25&halt_least=20&of_members=80%25&of_answered=90%25"
    "&retries=2&answer_hours=24&priority=0",
    "/groups/new": "?product=camera&name=old-harbour"
    "&query=version+%3C+2.3.0+and+attribute.site+%3D+harbour",
    "/groups/{product}/{name}/edit": "?query=tag+%3D+lab+or+device_id+~+cam-001*",
}


# they send the browser to the identity provider, and on from it
_LEADING_ON = {"/sign-in/oidc", "/sign-in/oidc/callback"}


def _is_opened(page: Page | OpenPage) -> bool:
    """Whether a browser shows it by itself: no change, and no part of another."""
    is_part = isinstance(page, Page) and page.is_part
    return page.method == "GET" and not is_part and page.path not in _LEADING_ON


PATHS = tuple(page.path for page in (*PAGES, *OPEN_PAGES) if _is_opened(page))


def pages_with_something_in_them(rollouts: Mapping[str, int], code: str) -> dict[str, str]:
    """The address of each page that somebody opens, by its path's pattern.

    Args:
        rollouts: their numbers by name.
        code: of a one-time link.
    """
    parts = {
        "/devices": {"device_id": "cam-0003"},
        "/groups": {"product": "camera", "name": "lab"},
        "/products": {"product": "camera"},
        "/releases": {"product": "camera", "version": "2.3.0"},
        "/rollouts": {"rollout_id": str(rollouts["new-resolver"])},
        "/advisories": {"weakness_id": "ACME-2026-014"},
        "/notifications": {"name": "siem"},
        "/audit": {"entry_id": "12"},
        "/operators": {"name": "zoe"},
    }
    found = {}
    for path in PATHS:
        whose = parts.get("/" + path.split("/")[1], {})
        found[path] = path.format(**whose) + _QUERIES.get(path, "")
    return found | {"/welcome": f"/welcome?code={code}"}


def needs_an_account(path: str) -> bool:
    """Whether it is of a person who is signed in."""
    return path not in {page.path for page in OPEN_PAGES} or path == "/account/password"
