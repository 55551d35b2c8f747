"""One wave of a plan: whom it takes, when it has gone well, when everything stops."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from ota_client.formats.strict import INTEGER_MAX, Fields, is_name
from ota_server.errors import InvalidError
from ota_server.rollouts.share import WHOLE, Share

COUNT_MOST: Final = 10_000_000
NAMED_MOST: Final = 1000
SOAK_LONGEST_S: Final = 90 * 86_400
_DEVICES: Final = "devices:"
_MOST: Final = Share(80_00)
_NEARLY_ALL: Final = Share(90_00)
_FEW: Final = Share(10_00)


class WaveKind(StrEnum):
    """How a wave takes its devices."""

    PERCENT = "percent"
    COUNT = "count"
    DEVICES = "devices"


@dataclass(frozen=True, slots=True)
class SuccessCondition:
    """What opens the next wave. Both must hold.

    Attributes:
        of_members: how many of the wave's devices must run the release, those that refused it left out.
        of_answered: how many of those that have answered must run it.
    """

    of_members: Share = _MOST
    of_answered: Share = _NEARLY_ALL


@dataclass(frozen=True, slots=True)
class HaltCondition:
    """What stops the rollout: devices that failed or fell back. Either does.

    Attributes:
        share: of the devices that have answered; None if no share stops it.
        least: how many must have answered before the share counts; a smaller wave answers wholly.
        count: this many devices; None if no count stops it.
    """

    share: Share | None = _FEW
    least: int = 20
    count: int | None = None


@dataclass(frozen=True, slots=True)
class WavePlan:
    """One wave.

    Attributes:
        kind: by the other fields: a share of the group, a number, or named devices.
        amount: a share in hundredths of a percent, of the *whole* group, earlier waves included; or a
            number of devices; 0 for named ones.
        devices: the named ones.
        soak_s: how long the success condition must have held before the next wave.

    Raises:
        InvalidError: a value is out of range.
    """

    kind: WaveKind
    amount: int = 0
    devices: tuple[str, ...] = ()
    success: SuccessCondition = field(default_factory=SuccessCondition)
    halt: HaltCondition = field(default_factory=HaltCondition)
    soak_s: int = 0

    def __post_init__(self) -> None:
        highest = {WaveKind.PERCENT: WHOLE, WaveKind.COUNT: COUNT_MOST, WaveKind.DEVICES: 0}[self.kind]
        lowest = min(highest, 1)
        if not lowest <= self.amount <= highest:
            raise InvalidError(f"wave: expected an amount from {lowest} to {highest}, got {self.amount}")
        if bool(self.devices) is not (self.kind is WaveKind.DEVICES) or not all(
            map(is_name, self.devices)
        ):
            raise InvalidError(
                "wave: expected the names of devices in a wave of named devices, and only there"
            )
        if len(self.devices) > NAMED_MOST or len(set(self.devices)) != len(self.devices):
            raise InvalidError(f"wave: expected at most {NAMED_MOST} different devices")
        _check("soak_s", self.soak_s, 0, SOAK_LONGEST_S)
        _check("least", self.halt.least, 1, COUNT_MOST)
        if self.halt.count is not None:
            _check("count", self.halt.count, 1, COUNT_MOST)

    @classmethod
    def taking(
        cls,
        text: str,
        *,
        success: SuccessCondition = SuccessCondition(),
        halt: HaltCondition = HaltCondition(),
        soak_s: int = 0,
    ) -> Self:
        """Read whom a wave takes: ``5%``, ``rest``, ``10`` or ``devices:cam-1,cam-2``.

        Raises:
            InvalidError: it is none of these.
        """
        kind, amount, devices = _taken(text)
        return cls(kind, amount, devices, success, halt, soak_s)

    @property
    def takes(self) -> str:
        """Whom it takes, as ``taking`` reads it."""
        match self.kind:
            case WaveKind.PERCENT:
                return str(Share(self.amount))
            case WaveKind.COUNT:
                return str(self.amount)
            case WaveKind.DEVICES:
                return _DEVICES + ",".join(self.devices)

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        halt: dict[str, object] = {"least": self.halt.least}
        if self.halt.share is not None:
            halt["share"] = str(self.halt.share)
        if self.halt.count is not None:
            halt["count"] = self.halt.count
        success = {
            "of_members": str(self.success.of_members),
            "of_answered": str(self.success.of_answered),
        }
        return {"takes": self.takes, "success": success, "halt": halt, "soak_s": self.soak_s}

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Read the fields strictly.

        Raises:
            InvalidError: one is missing, unknown or out of range.
        """
        success, halt = table.table("success"), table.table("halt")
        wave = cls.taking(
            # as long as a wave of named devices can be
            table.text("takes", longest=NAMED_MOST * 65 + len(_DEVICES)),
            success=SuccessCondition(
                success.parsed("of_members", Share.parse), success.parsed("of_answered", Share.parse)
            ),
            halt=HaltCondition(
                share=halt.given("share", lambda name: halt.parsed(name, Share.parse), None),
                least=halt.integer("least", highest=INTEGER_MAX),
                count=halt.given("count", halt.integer, None),
            ),
            soak_s=table.integer("soak_s"),
        )
        for part in (success, halt, table):
            part.finish()
        return wave


def _taken(text: str) -> tuple[WaveKind, int, tuple[str, ...]]:
    if text.startswith(_DEVICES):
        return WaveKind.DEVICES, 0, tuple(text.removeprefix(_DEVICES).split(","))
    if text == "rest":
        return WaveKind.PERCENT, WHOLE, ()
    if text.isascii() and text.isdecimal() and len(text) < len(str(COUNT_MOST)) + 1:
        return WaveKind.COUNT, int(text), ()
    try:
        return WaveKind.PERCENT, Share.parse(text).hundredths, ()
    except ValueError as e:
        raise InvalidError(
            f"wave: expected a share such as 5%, 'rest', a number of devices, or devices:NAME,NAME, "
            f"got {text[:60]!r}"
        ) from e


def _check(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise InvalidError(f"wave: {name}: expected {lowest} to {highest}, got {value}")
