"""Who takes part in a rollout, in which wave, and who does not and why."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Connection, Select, and_, select

from ota_client.formats.version import Version
from ota_server.database.schema import devices, group_members, groups, rollout_devices
from ota_server.errors import InvalidError, NotFoundError
from ota_server.rollouts.claim import FACTS, facts_of
from ota_server.rollouts.eligibility import Standing, standing
from ota_server.rollouts.plan import ReleaseFacts, RolloutPlan
from ota_server.rollouts.states import IN_FLIGHT
from ota_server.rollouts.waves import place, place_one, rollout_salt

BEYOND_THE_WAVES: Final = "beyond-the-waves"
NOT_IN_THE_GROUP: Final = "not-in-the-group"
_BATCH: Final = 5_000
_NAMES_SHOWN: Final = 5


class CatalogRelease(Protocol):
    """What a rollout needs to know of a release, from its signed manifest."""

    @property
    def version(self) -> Version: ...  # noqa: D102 - as ReleaseManifest
    @property
    def rollback_index(self) -> int: ...  # noqa: D102 - as ReleaseManifest
    @property
    def hardware_ids(self) -> tuple[str, ...]: ...  # noqa: D102 - as ReleaseManifest
    @property
    def min_version(self) -> Version | None: ...  # noqa: D102 - as ReleaseManifest


class Catalog(Protocol):
    """The published releases (ota_server.catalog)."""

    def release(self, product: str, version: Version) -> CatalogRelease:
        """One release.

        Raises:
            NotFoundError: it is not published.
        """


@dataclass(frozen=True, slots=True)
class Recruit:
    """A device that takes part.

    Attributes:
        waits: why it is offered nothing for now: it is in the penalty box, or updating in another
            rollout; empty if it does not wait.
    """

    device_pk: int
    device_id: str
    wave: int
    standing: Standing
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A device of the group that takes no part.

    Attributes:
        reason: a ``Standing``, ``beyond-the-waves``, or ``not-in-the-group`` for one that a wave names.
        running: what it runs; empty if it never checked in.
    """

    device_id: str
    reason: str
    running: str = ""


@dataclass(frozen=True, slots=True)
class Recruits:
    """The outcome for a whole group."""

    taken: tuple[Recruit, ...]
    excluded: tuple[Exclusion, ...]


@dataclass(frozen=True, slots=True)
class _Member:
    device_pk: int
    device_id: str
    standing: Standing
    running: str
    waits: str


def with_releases(plan: RolloutPlan, catalog: Catalog) -> RolloutPlan:
    """The plan with what the signed manifests of its releases say.

    Raises:
        NotFoundError: a release is not published.
        InvalidError: the stepping stone does not lead to the release.
    """
    release = _facts(catalog, plan.product, plan.version)
    if plan.via is None:
        return plan.with_facts(release, None)
    if release.min_version is None:
        raise InvalidError(
            f"via: expected none, as {plan.version} needs no stepping stone, got {plan.via}"
        )
    if plan.via < release.min_version:
        raise InvalidError(
            f"via: expected a release that {plan.version} can be installed from "
            f"(at least {release.min_version}), got {plan.via}"
        )
    return plan.with_facts(release, _facts(catalog, plan.product, plan.via))


def group_id_of(connection: Connection, plan: RolloutPlan) -> int:
    """The id of the plan's group.

    Raises:
        NotFoundError: the product has no such group.
    """
    wanted = select(groups.c.id).filter_by(product=plan.product, name=plan.group)
    found = connection.execute(wanted).scalar()
    if found is None:
        raise NotFoundError(
            f"expected a group of {plan.product}, got {plan.group!r}; `ota-server group list` has them"
        )
    return int(found)


def recruit(connection: Connection, plan: RolloutPlan, group_id: int, *, now: datetime) -> Recruits:
    """Look at every device of the group.

    Args:
        connection: to read from.
        plan: with its releases' facts.
        group_id: of its group.
        now: UTC; who is in the penalty box now waits.
    """
    members = list(_members(connection, plan, group_id, now))
    salt = rollout_salt(plan.product, plan.name)
    takers = [
        m.device_id for m in members if m.standing.is_member and m.standing is not Standing.RUNS_IT
    ]
    waves = place(plan, salt, takers)
    taken, excluded = [], []
    for member in members:
        wave = waves.get(member.device_id)
        if member.standing is Standing.RUNS_IT:
            # it is counted where it stands, but is none of the first so-and-so-many to try it
            full = [wave.amount for wave in plan.waves]
            wave = place_one(plan, salt, member.device_id, current=0, members=full)
        if wave is not None and member.standing.is_member:
            taken.append(
                Recruit(member.device_pk, member.device_id, wave, member.standing, member.waits)
            )
        else:
            reason = BEYOND_THE_WAVES if member.standing.is_member else member.standing.value
            excluded.append(Exclusion(member.device_id, reason, member.running))
    return Recruits(tuple(taken), (*excluded, *_strangers(plan, members)))


def check_waves(plan: RolloutPlan, recruits: Recruits) -> None:
    """Refuse a plan that would try nothing, or whose first waves would.

    Raises:
        InvalidError: a wave names a device that cannot take part, or is empty before one that is not; or
            nobody takes part, and nobody can later, as the plan does not stay open.
    """
    if not recruits.taken and not plan.stays_open:
        why = Counter(exclusion.reason for exclusion in recruits.excluded)
        shown = ", ".join(f"{number} {reason}" for reason, number in sorted(why.items()))
        raise InvalidError(
            f"group: expected a device in {plan.group} that can take part, got none "
            f"({shown or 'the group is empty'}); a rollout that stays open waits for devices to come"
        )
    named = {name for wave in plan.waves for name in wave.devices}
    if lost := [f"{e.device_id} ({e.reason})" for e in recruits.excluded if e.device_id in named]:
        shown = ", ".join(lost[:_NAMES_SHOWN])
        raise InvalidError(f"waves: expected named devices that can take part, got {shown}")
    filled = {recruit.wave for recruit in recruits.taken}
    for number in range(1, max(filled, default=0)):
        if number not in filled:
            raise InvalidError(
                f"waves: expected at least one device in wave {number} ({plan.wave(number).takes}), "
                "got none; in a small group give a number of devices"
            )


def _facts(catalog: Catalog, product: str, version: Version) -> ReleaseFacts:
    release = catalog.release(product, version)
    hardware_ids = tuple(release.hardware_ids)
    return ReleaseFacts(release.version, release.rollback_index, hardware_ids, release.min_version)


def _members(
    connection: Connection, plan: RolloutPlan, group_id: int, now: datetime
) -> Iterator[_Member]:
    last = 0
    while rows := connection.execute(_page(group_id, last)).all():
        for row in rows:
            waits = "updating in another rollout" if row.busy_id is not None else ""
            if row.penalty_until > now.timestamp():
                waits = "in the penalty box"
            stands = standing(plan, facts_of(row))
            yield _Member(row.pk, row.device_id, stands, row.running_version or "", waits)
        last = rows[-1].pk


def _page(group_id: int, after_pk: int) -> Select[*tuple[object, ...]]:
    busy = and_(rollout_devices.c.device_pk == devices.c.pk, rollout_devices.c.state.in_(IN_FLIGHT))
    one = select(rollout_devices.c.id).where(busy).limit(1).scalar_subquery()
    columns = (devices.c.pk, devices.c.device_id, devices.c.penalty_until, *FACTS, one.label("busy_id"))
    wanted = select(*columns).join(group_members, group_members.c.device_pk == devices.c.pk)
    wanted = wanted.where(group_members.c.group_id == group_id, group_members.c.device_pk > after_pk)
    return wanted.order_by(group_members.c.device_pk).limit(_BATCH)


def _strangers(plan: RolloutPlan, members: list[_Member]) -> tuple[Exclusion, ...]:
    known = {member.device_id for member in members}
    named = [name for wave in plan.waves for name in wave.devices]
    return tuple(Exclusion(name, NOT_IN_THE_GROUP) for name in named if name not in known)
