"""What people ask about the security of what runs: weaknesses, exposure, what releases are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ota_client.formats.version import Version
from ota_server.devices.device import Device
from ota_server.errors import NotFoundError
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.page import Page, check_limit
from ota_server.security import contents, exposure, history, release_security, stored
from ota_server.security.component import BillOfMaterials
from ota_server.security.difference import Difference
from ota_server.security.difference import difference as differ
from ota_server.security.exposure import Exposure, RunningVersion
from ota_server.security.history import ExposedDay
from ota_server.security.importing import Document, Imported, import_all
from ota_server.security.knowledge import Knowledge, KnownWeakness
from ota_server.security.matching import hold_matching, match_again
from ota_server.security.release_security import ReleaseSecurity
from ota_server.security.weakness import Weakness


@dataclass(frozen=True, slots=True)
class ListedWeakness:
    """A weakness, and how much of the fleet has it.

    Attributes:
        products: of which a release has, or had it.
        devices: how many run something with it.
        unknown: how many run what nobody can tell of.
    """

    weakness: KnownWeakness
    products: tuple[str, ...]
    devices: int
    unknown: int

    def to_fields(self) -> dict[str, object]:
        """The weakness as JSON fields (docs/reference/ota-server.md)."""
        return {
            **self.weakness.advisory_fields(),
            "products": list(self.products),
            "devices": self.devices,
            "unknown": self.unknown,
        }


def weaknesses(
    desk: Desk, *, text: str = "", after: str | None = None, limit: int = 100
) -> Page[ListedWeakness]:
    """A page of the weaknesses that a release of the actor's products has or had, the worst first.

    Args:
        desk: for a viewer.
        text: part of the id or the summary.
        after: ``next_after`` of the page before.
        limit: most on the page.

    Raises:
        InvalidError: the limit cannot be one.
    """
    check_limit(limit)
    knowledge = Knowledge.of(desk.connection, desk.catalog, products=desk.products)
    wanted = text.lower()
    known = [
        one
        for one in exposure.worst_first(knowledge, tuple(knowledge.weaknesses))
        if wanted in one.id.lower() or wanted in one.summary.lower()
    ]
    ids = [one.id for one in known]
    start = ids.index(after) + 1 if after in ids else 0
    part = known[start : start + limit]
    more = len(known) > start + limit
    counted = exposure.running(desk.connection, desk.products)
    items = tuple(_listed(knowledge, one, counted) for one in part)
    return Page(items, len(known), part[-1].id if more else None)


def _listed(
    knowledge: Knowledge, weakness: KnownWeakness, counted: list[tuple[str, Version | None, int]]
) -> ListedWeakness:
    found = exposure.exposure_of(knowledge, weakness, counted)
    return ListedWeakness(weakness, knowledge.concerned(weakness.id), found.devices, found.unknown)


def exposed(desk: Desk, weakness_id: str) -> Exposure:
    """How many devices run something with a weakness, by version; for a viewer.

    Raises:
        NotFoundError: it concerns no product that the actor sees.
    """
    return exposure.exposed(desk.connection, desk.catalog, weakness_id, products=desk.products)


def exposed_devices(
    desk: Desk, weakness_id: str, *, after: str | None = None, limit: int = 100
) -> Page[Device]:
    """A page of these devices, in the order of their ids; for a viewer.

    Raises:
        NotFoundError: as ``exposed``.
        InvalidError: the limit or the cursor cannot be one.
    """
    return exposure.exposed_devices(
        desk.connection, desk.catalog, weakness_id, products=desk.products, after=after, limit=limit
    )


def exposed_over_time(desk: Desk, weakness_id: str, *, days: int = 90) -> tuple[ExposedDay, ...]:
    """How many devices had a weakness on each of the last days, oldest first; for a viewer.

    Raises:
        NotFoundError: as ``exposed``.
    """
    return history.exposed_over_time(
        desk.connection, desk.catalog, weakness_id, products=desk.products, now=desk.now, days=days
    )


def running(desk: Desk, *, product: str | None = None) -> tuple[RunningVersion, ...]:
    """What each version that runs somewhere still contains; for a viewer.

    Args:
        desk: who asks.
        product: of this one alone.

    Raises:
        NotFoundError: the actor does not see the product.
    """
    products = desk.scope(product)
    return exposure.by_version(desk.connection, desk.catalog, products=products)


def release(desk: Desk, product: str, version: Version) -> ReleaseSecurity:
    """What a release mends against the one before, brings in, and still contains; for a viewer.

    Raises:
        NotFoundError: there is no such release, or not for the actor.
    """
    desk.need(Role.VIEWER, product)
    return release_security.of_release(desk.connection, desk.catalog, product, version)


def bill(desk: Desk, product: str, version: Version) -> BillOfMaterials:
    """What a release is made of; for a viewer.

    Raises:
        NotFoundError: there is no such release, it has no SBOM, or it is not for the actor.
        SbomError: its SBOM cannot be read.
        VerificationError: the file is not the one that was signed.
    """
    desk.need(Role.VIEWER, product)
    return contents.bill(desk.connection, desk.catalog, product, version)


def difference(desk: Desk, product: str, before: Version, after: Version) -> Difference:
    """What another release of a product has other than one: components and weaknesses; for a viewer.

    Raises:
        NotFoundError, SbomError, VerificationError: as ``bill``, of one of both.
    """
    desk.need(Role.VIEWER, product)
    return differ(desk.connection, desk.catalog, product, before, after)


def imported(desk: Desk, *, after: str | None = None, limit: int = 100) -> Page[stored.ImportedWeakness]:
    """A page of all that was imported, by id, also what concerns nothing here; for a viewer of all.

    Raises:
        ForbiddenError: the actor does not see all products.
        InvalidError: the limit cannot be one.
    """
    desk.need_everywhere(Role.VIEWER)
    return stored.listed(desk.connection, after=after, limit=limit)


def documents(desk: Desk, weakness_id: str) -> tuple[Weakness, ...]:
    """What each imported document says of a weakness that concerns the actor's products; for a viewer.

    Who does not see all products gets no statements: they may name the others (B10).

    Raises:
        NotFoundError: as ``exposed``; who sees all products also finds what concerns none.
    """
    found = stored.find(desk.connection, weakness_id)
    if found and desk.actor.may_everywhere(Role.VIEWER):
        return found
    found = tuple(replace(one, statements=(), notices=()) for one in found)
    knowledge = Knowledge.of(desk.connection, desk.catalog, products=desk.products, only=weakness_id)
    exposure.find(knowledge, weakness_id)
    return found


def import_documents(desk: Desk, files: Sequence[Document], *, force: bool = False) -> Imported:
    """Take OSV and CSAF files in, all or none, and match them; for an admin of all products.

    Args:
        desk: with a transaction that writes.
        files: that were read before the transaction began.
        force: replace what is newer.

    Raises:
        ForbiddenError: the actor is no admin of all products.
    """
    desk.need_everywhere(Role.ADMIN)
    done = import_all(desk.connection, desk.catalog, files, now=desk.now, force=force)
    for one in done.weaknesses:
        desk.note("advisory.import", one.id, source=one.source.value, document=one.document)
    return done


def remove(desk: Desk, weakness_id: str) -> int:
    """Forget all imported documents of a weakness; our own manifests stay. For an admin of all products.

    Returns:
        how many documents there were.

    Raises:
        NotFoundError: there is none.
        ForbiddenError: the actor is no admin of all products.
    """
    desk.need_everywhere(Role.ADMIN)
    hold_matching(desk.connection)
    removed = stored.remove(desk.connection, weakness_id)
    if not removed:
        raise NotFoundError(f"expected an imported advisory, got {weakness_id[:80]!r}")
    match_again(desk.connection, [weakness_id])
    desk.note("advisory.remove", weakness_id, documents=removed)
    return removed
