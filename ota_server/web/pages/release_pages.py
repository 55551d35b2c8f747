"""Releases: the list, and what one mends, contains and is signed by."""

from dataclasses import dataclass
from typing import Final

from ota_client.errors import OtaError
from ota_client.formats.version import Version
from ota_server.errors import NotFoundError
from ota_server.operations import releases, security
from ota_server.operations.releases import ReleaseDetails
from ota_server.security.component import BillOfMaterials
from ota_server.security.difference import Difference
from ota_server.security.release_security import ReleaseSecurity
from ota_server.web.pages.page import Answer, Drawn, Page, Visit

_COMPONENTS_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Contents:
    """What a release is made of.

    Attributes:
        difference: from the release before; None without one, or where either has no SBOM.
        problem: why it is not known; empty if it is.
    """

    security: ReleaseSecurity | None
    bill: BillOfMaterials | None
    difference: Difference | None
    problem: str


def listed(visit: Visit) -> Answer:
    """All releases, the newest first; what devices would refuse is said, not hidden."""
    try:
        return Drawn(
            "releases", {"items": releases.listed(visit.desk, product=visit.product), "problem": ""}
        )
    except NotFoundError:
        raise
    except OtaError as e:
        return Drawn("releases", {"items": (), "problem": str(e)})


def show(visit: Visit) -> Answer:
    """One release."""
    product, version = visit.path["product"], _version(visit.path["version"])
    found = releases.find(visit.desk, product, version)
    values = {
        "found": found,
        "release": found.release,
        "contents": _contents(visit, found),
        "shown": _COMPONENTS_SHOWN,
    }
    return Drawn("release", values)


def _contents(visit: Visit, found: ReleaseDetails) -> Contents:
    product, version = found.release.product, found.release.version
    known: ReleaseSecurity | None = None
    bill: BillOfMaterials | None = None
    difference: Difference | None = None
    try:
        known = security.release(visit.desk, product, version)
        if found.release.sbom is None:
            return Contents(known, None, None, "")
        bill = security.bill(visit.desk, product, version)
        if found.before is not None:
            difference = security.difference(visit.desk, product, found.before, version)
    except OtaError as e:
        # the one before may have no SBOM: then there is nothing to compare with
        return Contents(known, bill, None, "" if bill else str(e))
    return Contents(known, bill, difference, "")


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as e:
        raise NotFoundError(f"expected a version, got {text[:80]!r}") from e


PAGES: Final = (
    Page("GET", "/releases", listed, "Published releases, the newest first."),
    Page(
        "GET",
        "/releases/{product}/{version}",
        show,
        "One release: what it mends, contains, changes, and whose keys signed it.",
    ),
)
