"""Which events a subscription is for."""

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Self

from ota_client.formats.strict import NAME_LONGEST, NAME_RULE, canonical_json, is_name
from ota_server.errors import InvalidError
from ota_server.journal.event_kind import PUBLIC_KINDS, EventKind
from ota_server.journal.event_page import StoredEvent

# worst last
SEVERITIES: Final = ("none", "low", "medium", "high", "critical")
_RATED: Final = frozenset({EventKind.RELEASE_PUBLISHED, EventKind.ADVISORY_IMPORTED})
# of a whole product: what they mean for an owner's devices is said when they are sent (owner.py)
_OF_PRODUCTS: Final = frozenset({EventKind.RELEASE_PUBLISHED, EventKind.CERTIFICATE_EXPIRING})
_PATTERN: Final = re.compile(rf"[a-z0-9._*?-]{{1,{NAME_LONGEST}}}", re.ASCII)
_PRODUCTS_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted; what is left empty asks for all.

    Attributes:
        least_severity: of releases and advisories; other events have none, and are not left out by it.
        device_ids: a device's owner: an id or a pattern such as ``cam-*``. Only events of such devices
            are told, and releases and ending certificates, with what they are to these devices.
    """

    kinds: frozenset[EventKind] = frozenset()
    products: frozenset[str] = frozenset()
    least_severity: str = ""
    device_ids: str = ""

    def checked(self) -> Self:
        """The filter itself.

        Raises:
            InvalidError: a part of it is not what it should be.
        """
        if len(self.products) > _PRODUCTS_MOST or not all(map(is_name, self.products)):
            raise InvalidError(f"products: expected at most {_PRODUCTS_MOST} names of {NAME_RULE}")
        if self.least_severity and self.least_severity not in SEVERITIES:
            expected = ", ".join(SEVERITIES)
            raise InvalidError(
                f"least_severity: expected one of {expected}, got {self.least_severity[:40]!r}"
            )
        if self.device_ids and not _PATTERN.fullmatch(self.device_ids):
            raise InvalidError(
                "device_ids: expected an id, or a pattern with '*' and '?' such as cam-*, got "
                f"{self.device_ids[:80]!r}"
            )
        return self

    def wants(self, event: StoredEvent) -> bool:
        """Whether an event is wanted, as far as the event itself tells."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and self._wants_product(event)
            and self._is_severe(event)
            and self._wants_device(event)
        )

    def _wants_product(self, event: StoredEvent) -> bool:
        for_all = not event.product and event.kind in PUBLIC_KINDS
        return not self.products or event.product in self.products or for_all

    def _is_severe(self, event: StoredEvent) -> bool:
        if not self.least_severity or event.kind not in _RATED:
            return True
        found = SEVERITIES.index(event.severity) if event.severity in SEVERITIES else -1
        return found >= SEVERITIES.index(self.least_severity)

    def _wants_device(self, event: StoredEvent) -> bool:
        if not self.device_ids or (event.product and event.kind in _OF_PRODUCTS):
            return True
        return bool(event.device_id) and fnmatchcase(event.device_id, self.device_ids)

    def to_fields(self) -> dict[str, object]:
        """The filter as JSON fields."""
        return {
            "kinds": sorted(self.kinds),
            "products": sorted(self.products),
            "least_severity": self.least_severity,
            "device_ids": self.device_ids,
        }

    def to_json(self) -> str:
        """As the database keeps it."""
        return canonical_json(self.to_fields()).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote."""
        found = json.loads(text)
        return cls(
            frozenset(map(EventKind, found["kinds"])),
            frozenset(found["products"]),
            found["least_severity"],
            found["device_ids"],
        )


def kinds_of(texts: tuple[str, ...]) -> frozenset[EventKind]:
    """Kinds by their names.

    Raises:
        InvalidError: there is no such kind.
    """
    for text in texts:
        if text not in set(EventKind):
            known = ", ".join(EventKind)
            raise InvalidError(f"kinds: expected some of {known}, got {text[:48]!r}")
    return frozenset(map(EventKind, texts))
