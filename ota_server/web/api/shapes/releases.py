"""Published releases, and what they are made of."""

from typing import Annotated

from msgspec import Meta

from ota_server.web.api.paging import Answer, PageAnswer
from ota_server.web.api.shapes.advisories import WeaknessAnswer
from ota_server.web.shapes import Count, Moment, Name, Shape, VersionText


class DifferenceQuery(Shape, frozen=True):
    """Against which release."""

    before: VersionText


class OwnAdvisoryAnswer(Answer, frozen=True):
    """A weakness that the release engineers tell of."""

    id: str
    severity: str
    summary: str
    action: Annotated[str, Meta(description="What the owner should do.")]
    fixed_in: VersionText


class SbomAnswer(Answer, frozen=True):
    """The file that says what a release is made of."""

    file: str
    sha256: str
    size_bytes: int


class SignaturesAnswer(Answer, frozen=True):
    """Who vouches for a product's releases."""

    threshold: Annotated[int, Meta(description="How many keys have to sign.")]
    signed: Annotated[list[str], Meta(description="The ids of the keys that have.")]
    unsigned: Annotated[list[str], Meta(description="Of those that may, and have not.")]


class ReleaseAnswer(Answer, frozen=True):
    """One release, as its signed manifest describes it."""

    product: Name
    version: VersionText
    rollback_index: Count
    min_version: Annotated[
        VersionText | None, Meta(description="Devices below it need a release between.")
    ]
    hardware_ids: list[str]
    advisories: list[OwnAdvisoryAnswer]
    notes: str
    created_at: Moment
    manifest_sha256: str
    size_bytes: Count
    payload_bytes: Count
    devices: Annotated[int, Meta(description="How many run it.")]


class ReleasesAnswer(PageAnswer, frozen=True):
    """Releases by product, the newest first."""

    items: list[ReleaseAnswer]


class ReleaseDetailsAnswer(ReleaseAnswer, frozen=True):
    """All that is known of a release, but for what it is made of."""

    slots: list[str]
    sbom: SbomAnswer | None
    before: Annotated[VersionText | None, Meta(description="The release before it.")]
    fixes: Annotated[list[OwnAdvisoryAnswer], Meta(description="What it mends against that one.")]
    signatures: SignaturesAnswer
    of: Annotated[int, Meta(description="How many devices the product has.")]


class ComponentAnswer(Answer, frozen=True):
    """A part of a release."""

    name: str
    version: str
    purl: Annotated[str, Meta(description="Its package URL (ECMA-427); empty if there is none.")]
    supplier: str
    licence: str


class BillAnswer(Answer, frozen=True):
    """What a release is made of."""

    form: Annotated[str, Meta(description="Of its SBOM.", examples=["CycloneDX 1.6"])]
    subject: Annotated[ComponentAnswer | None, Meta(description="The release itself.")]
    components: list[ComponentAnswer]


class ChangedComponent(Answer, frozen=True):
    """A component in another version."""

    before: ComponentAnswer
    after: ComponentAnswer


class DifferenceAnswer(Answer, frozen=True):
    """From one release to another."""

    product: Name
    before: VersionText
    after: VersionText
    added: list[ComponentAnswer]
    removed: list[ComponentAnswer]
    changed: list[ChangedComponent]
    fixes: Annotated[list[WeaknessAnswer], Meta(description="Weaknesses that are gone.")]
    brings_in: Annotated[list[WeaknessAnswer], Meta(description="Weaknesses that are new.")]


class ContainedWeakness(Answer, frozen=True):
    """A weakness that a release has."""

    weakness: WeaknessAnswer
    standing: Annotated[str, Meta(description="Who says so.")]
    components: Annotated[list[str], Meta(description="Those that have it, as package URLs.")]


class ReleaseSecurityAnswer(Answer, frozen=True):
    """What a release means for security; all lists have the worst first."""

    product: Name
    version: VersionText
    before: VersionText | None
    fixes: list[WeaknessAnswer]
    brings_in: list[WeaknessAnswer]
    contains: list[ContainedWeakness]
    declared: Annotated[
        list[WeaknessAnswer], Meta(description="A component has it; the release engineers say: mended.")
    ]
    is_read: Annotated[bool, Meta(description="It is known what it is made of.")]
    refusal: Annotated[str, Meta(description="Why its SBOM cannot be read.")]
