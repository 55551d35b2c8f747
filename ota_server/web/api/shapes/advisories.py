"""Weaknesses, own and imported, and which devices have them."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ota_server.web.api.paging import Answer, PageAnswer, PageQuery
from ota_server.web.api.shapes.devices import Reason
from ota_server.web.shapes import Moment, Name, Shape, VersionText

DAYS_MOST = 1100
_FILES_MOST = 100

Days = Annotated[int, Meta(ge=1, le=DAYS_MOST, description="So many, up to today.")]


class AdvisoriesQuery(PageQuery, frozen=True):
    """Which weaknesses, and which page of them."""

    # part of the id or the summary
    text: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET


class DaysQuery(Shape, frozen=True):
    """How far back."""

    days: Days = 90


class ImportedFile(Shape, frozen=True):
    """A file to import."""

    name: Annotated[Reason, Meta(min_length=1, description="For what is said about it.")]
    content: Annotated[msgspec.Raw, Meta(description="An OSV record, or a CSAF 2.0 document.")]


class ImportBody(Shape, frozen=True):
    """Files of others: OSV or CSAF; all are taken, or none."""

    files: Annotated[list[ImportedFile], Meta(min_length=1, max_length=_FILES_MOST)]
    force: Annotated[bool, Meta(description="Replace what is newer.")] = False


class WeaknessAnswer(Answer, frozen=True):
    """A weakness, as all sources together describe it."""

    id: str
    severity: Annotated[str | None, Meta(description="none, low, medium, high, critical")]
    summary: str
    action: Annotated[str, Meta(description="What the owner should do; empty if nobody says.")]
    sources: Annotated[list[str], Meta(description="signed (by our release engineers), osv, csaf")]


class AdvisoryAnswer(Answer, frozen=True):
    """A weakness, and how much of the fleet has it."""

    advisory: Annotated[str, Meta(description="Its id.", examples=["CVE-2026-1234"])]
    severity: str | None
    summary: str
    action: str
    sources: list[str]
    products: list[str]
    devices: Annotated[int, Meta(description="How many run something with it.")]
    unknown: Annotated[int, Meta(description="How many run what nobody can tell of.")]


class AdvisoriesAnswer(PageAnswer, frozen=True):
    """A page of weaknesses, the worst first."""

    items: list[AdvisoryAnswer]


class ExposedVersionAnswer(Answer, frozen=True):
    """A version with the weakness."""

    product: Name
    version: VersionText | None
    devices: int
    why: Annotated[str, Meta(description="Who says so.")]
    components: list[str]


class ExposureAnswer(Answer, frozen=True):
    """How far the fleet is from having mended one weakness."""

    advisory: str
    severity: str | None
    summary: str
    action: str
    sources: list[str]
    fixed_in: Annotated[dict[str, list[str]], Meta(description="By product, own releases.")]
    versions: list[ExposedVersionAnswer]
    devices: int
    unknown: int
    of: Annotated[int, Meta(description="How many devices there are that one can tell of, and those.")]


class ExposedDayAnswer(Answer, frozen=True):
    """The fleet at the end of a day, judged by what is known today."""

    day_at: Moment
    devices: int
    unknown: int
    of: int


class ExposedDaysAnswer(Answer, frozen=True):
    """Each day, oldest first."""

    items: list[ExposedDayAnswer]


class RunningAnswer(Answer, frozen=True):
    """What a version that runs somewhere still contains."""

    product: Name
    version: VersionText | None
    devices: int
    weaknesses: list[WeaknessAnswer]
    is_read: Annotated[bool, Meta(description="It is known what the version is made of.")]


class RunningVersionsAnswer(Answer, frozen=True):
    """Each version that runs somewhere."""

    items: list[RunningAnswer]


class ImportedAnswer(Answer, frozen=True):
    """What an import did."""

    taken: Annotated[list[str], Meta(description="Ids of what was taken.")]
    kept: Annotated[list[str], Meta(description="Of those of which something newer is there.")]
    matches: Annotated[dict[str, int], Meta(description="By id, how many releases have it.")]
    notices: Annotated[list[str], Meta(description="What could not be read.")]


class RemovedAnswer(Answer, frozen=True):
    """How many documents were forgotten."""

    documents: int
