"""One weakness, as one imported document describes it: how bad it is, and what has it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ota_client.manifest import Severity
from ota_server.security.purl import Package
from ota_server.security.versions import Interval, is_inside, is_same

SUMMARY_LONGEST: Final = 1000


class Source(StrEnum):
    """Who says it."""

    # a manifest of our own release engineers
    SIGNED = "signed"
    OSV = "osv"
    CSAF = "csaf"


class Status(StrEnum):
    """What a document says of some versions of a package (CSAF 2.0, section 3.2.3.9)."""

    AFFECTED = "affected"
    FIXED = "fixed"
    NOT_AFFECTED = "not_affected"


@dataclass(frozen=True, slots=True)
class Statement:
    """Which versions of a package have the weakness, or have it not.

    Attributes:
        package: the key of a package, see ``ota_server.security.purl.Package``.
        release: of the distribution; empty for any.
        every: all versions of it.
        versions: these exactly.
        intervals: and those within.
        within: only where the package is part of this product, as a package URL; empty for everywhere.
        reason: why it has the weakness not, such as ``vulnerable_code_not_present``.
    """

    package: str
    status: Status
    release: str = ""
    every: bool = False
    versions: tuple[str, ...] = ()
    intervals: tuple[Interval, ...] = ()
    within: str = ""
    reason: str = ""

    def covers(self, package: Package) -> bool:
        """Whether it speaks of the package; in doubt it does if that means affected, else not."""
        if self.package != package.key or not self._same_release(package.release):
            return False
        if self.every:
            return True
        in_doubt = self.status is Status.AFFECTED
        if not package.version:
            return in_doubt
        return any(is_same(package.kind, package.version, version) for version in self.versions) or any(
            is_inside(package.kind, package.version, interval, in_doubt=in_doubt)
            for interval in self.intervals
        )

    def _same_release(self, release: str) -> bool:
        if not self.release:
            return True
        if not release:
            return self.status is Status.AFFECTED
        return release == self.release or release.startswith(f"{self.release}.")


@dataclass(frozen=True, slots=True)
class Weakness:
    """What one document says of one weakness.

    Attributes:
        id: the CVE id where it has one: so documents of several sources meet.
        document: the document's own id.
        severity: None if it does not say.
        summary: in a sentence.
        action: what to do about it; empty if it does not say.
        url: where more is written; https, or empty.
        modified_at: seconds since 1970; 0 if it does not say.
        withdrawn: it was taken back: nothing has the weakness.
        notices: what could not be read of it, for who imports it.
    """

    id: str
    source: Source
    document: str
    severity: Severity | None
    summary: str
    action: str
    url: str
    modified_at: int
    statements: tuple[Statement, ...]
    withdrawn: bool = False
    notices: tuple[str, ...] = ()

    def says_of(self, packages: tuple[Package, ...], subject: Package | None) -> Status | None:
        """What the document says of a component; None if it says nothing.

        What is said of a version counts more than what is said of all; of equals the worse counts.

        Args:
            packages: what the component is, and was built from.
            subject: the release that it is part of.
        """
        found = [
            (not statement.every, statement.status is Status.AFFECTED, statement.status)
            for statement in self.statements
            if any(map(statement.covers, packages)) and _is_within(statement.within, subject)
        ]
        return max(found, key=lambda one: one[:2])[2] if found else None


def _is_within(product: str, subject: Package | None) -> bool:
    if not product:
        return True
    if subject is None:
        return False
    key, _, version = product.partition("@")
    return key == subject.key and (not version or is_same(subject.kind, subject.version, version))
