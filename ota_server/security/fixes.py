"""What the signed advisories of a product's own releases say is mended, and where."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ota_client.formats.version import Version
from ota_client.manifest import Advisory
from ota_server.catalog import CatalogRelease


@dataclass(slots=True)
class Fixes:
    """In which releases of one product an advisory is answered.

    Attributes:
        newest: the advisory as the newest release that lists it words it.
        releases: all of the product, oldest first.
        listed: the same.
    """

    newest: Advisory
    releases: Sequence[Version]
    listed: frozenset[Version]
    _fixed_in: dict[Version, Version] = field(default_factory=dict)

    def note(self, release: Version, advisory: Advisory) -> None:
        """A release lists the advisory; the next one that is noted is newer."""
        self.newest = advisory
        self._fixed_in[release] = advisory.fixed_in

    @property
    def fixed_in(self) -> tuple[Version, ...]:
        """The releases that mended it."""
        return tuple(sorted(set(self._fixed_in.values())))

    def has(self, running: Version) -> bool:
        """Whether a release has the fix; in doubt it does not.

        A listed release speaks for itself. For another one (retired, or made in the factory) the next
        release that lists the advisory says from where on it is mended, as it does to the device
        (ADR 0007); if none follows, its list was taken over from the release before it.
        """
        if running in self.listed:
            return running in self._fixed_in
        for release, fixed in self._fixed_in.items():
            if release > running:
                return fixed <= running
        place = bisect_left(self.releases, running)
        return place > 0 and self.releases[place - 1] in self._fixed_in


def fixes_of(releases: Sequence[CatalogRelease], only: str | None) -> Mapping[str, Fixes]:
    """By advisory, what the releases of one product list, oldest first; of one advisory, or of all."""
    versions = [release.version for release in releases]
    listed = frozenset(versions)
    found: dict[str, Fixes] = {}
    for release in releases:
        for advisory in release.advisories:
            if only not in {None, advisory.id}:
                continue
            if advisory.id not in found:
                found[advisory.id] = Fixes(advisory, versions, listed)
            found[advisory.id].note(release.version, advisory)
    return found
