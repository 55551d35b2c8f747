"""What one look-up tells about a device that calls, and who looks up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from ota_server.database.schema import OPEN_STATES

# One device is a member of few rollouts that are still open; more than these are not looked at.
_CANDIDATES_MOST: Final = 8
_PENDING: Final = "pending"
_REVOKED: Final = "revoked"
# where in a row the rollout's columns begin
_PRIORITY: Final = 13
_PLACE: Final = 14

Row: TypeAlias = Sequence[object]

# The condition on the state is word for word that of the partial index (ix_rollout_devices_open): SQLite
# recognises it by its text. No ORDER BY: there is mostly one row, and it would be sorted all the same.
_FIND: Final = f"""
SELECT d.key_sha256, d.pk, d.device_id, d.product, d.status, d.running_version, d.rollback_index,
       d.phase, d.root_version, d.inventory_sha256, d.certificate_expires_at, d.penalty_until,
       d.hardware_id, r.priority, rd.id, rd.rollout_id, r.revision, rd.state, rd.version, rd.consented,
       CASE WHEN rd.state <> 'pending' THEN r.state IN ('running', 'paused')
            ELSE r.state = 'running' AND rd.wave <= r.wave AND r.in_flight < r.max_in_flight END
  FROM devices d
  LEFT JOIN rollout_devices rd ON rd.device_pk = d.pk AND rd.state IN {OPEN_STATES}
  LEFT JOIN rollouts r ON r.id = rd.rollout_id
 WHERE d.key_sha256 """  # noqa: S608 - nothing of it comes from outside
FIND_ONE: Final = f"{_FIND} = ?"
FIND_SOME: Final = f"{_FIND} = ANY (%s)"
DENIED: Final = "SELECT 1 FROM denied_keys WHERE key_sha256 = "


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place of the device in a rollout that is not over for it.

    Attributes:
        rollout_device_id: the assignment's id.
        revision: the rollout's; rises with each change of its plan.
        state: of ``schema.OPEN_STATES``.
        version: what was assigned; None while pending.
        consented: whether the owner has agreed.
        open: of a pending one, whether it may be claimed now as far as the look-up can tell: the rollout
            runs, its wave is open, a place is free. Of another, whether the rollout has not called it
            back.
    """

    rollout_device_id: int
    rollout_id: int
    revision: int
    state: str
    version: str | None
    consented: bool
    open: bool

    @property
    def held(self) -> bool:
        """Whether the device has it already, and a place with it."""
        return self.state != _PENDING


@dataclass(frozen=True, slots=True)
class Found:
    """A device, as its row and its open rollouts say.

    Attributes:
        running_version: with ``rollback_index``, ``phase`` and ``root_version`` what the device last
            said; None before its first check-in.
        certificate_expires_at: seconds since 1970, as ``penalty_until``.
        candidates: what it holds first, then what may be claimed, by priority, then the oldest.
    """

    device_pk: int
    device_id: str
    product: str
    status: str
    running_version: str | None
    rollback_index: int | None
    phase: str | None
    root_version: int | None
    inventory_sha256: str | None
    certificate_expires_at: int
    penalty_until: int
    hardware_id: str
    candidates: tuple[Candidate, ...]

    @property
    def denied(self) -> bool:
        """Whether it was revoked (B05)."""
        return self.status == _REVOKED

    @property
    def held(self) -> Candidate | None:
        """The place that it holds, also one that was called back: until it answers, it gets no other."""
        first = self.candidates[0] if self.candidates else None
        return first if first and first.held else None


def found(rows: Sequence[Row]) -> Found | None:
    """Read what was selected of one device: a row a place, one without any, none for an unknown key."""
    if not rows:
        return None
    places = [row[_PRIORITY:] for row in rows if row[_PLACE] is not None]
    if len(places) > 1:
        places.sort(key=_order)
    candidates = tuple(_candidate(place) for place in places[:_CANDIDATES_MOST])
    return Found(*rows[0][1:_PRIORITY], candidates)  # type: ignore[call-arg, arg-type] # as _FIND has them


def _candidate(place: Row) -> Candidate:
    return Candidate(*place[1:])  # type: ignore[arg-type] # as _FIND has them


def found_by_key(rows: Iterable[Row]) -> dict[str, Found]:
    """Read what was selected of several devices."""
    by_key: dict[str, list[Row]] = {}
    for row in rows:
        by_key.setdefault(str(row[0]), []).append(row)
    return {key: device for key, own in by_key.items() if (device := found(own))}


def _order(place: Row) -> tuple[bool, bool, int, int]:
    """What it holds first, then by priority, then the oldest.

    What cannot be claimed now comes last: halted rollouts that nobody aborts may become many.
    """
    priority, _, rollout_id, _, state, *_, is_open = place
    return state == _PENDING, not is_open, -int(str(priority)), int(str(rollout_id))


class CheckInLookup(Protocol):
    """The fleet's database, as the device's path needs it: asked in the event loop."""

    @property
    def unwritten(self) -> int:
        """How many devices' last check-in is not yet written."""

    async def open(self) -> None:
        """Make ready; to be called in the event loop before anything else.

        Raises:
            DatabaseUnavailableError: it does not answer.
        """

    async def find(self, key_sha256: str) -> Found | None:
        """Look up a device by its key; None if nobody has it.

        Raises:
            DatabaseUnavailableError: it does not answer.
        """

    async def is_denied(self, key_sha256: str) -> bool:
        """Whether the key of a device that is gone must not come back (B05); raises as ``find``."""

    def seen(self, device_pk: int, at: int) -> None:
        """Note that a device was here, seconds since 1970; written within a second."""

    async def close(self) -> None:
        """Write what is noted, and let go."""
