"""How pages say things: times, sizes, and what a state means; a meaning is never a colour alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ota_client.formats.counted import counted as in_words
from ota_server.rollouts.eligibility import Standing
from ota_server.rollouts.recruiting import BEYOND_THE_WAVES, NOT_IN_THE_GROUP

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_DAYS_AGO_MOST: Final = 60
_KILO: Final = 1000


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a state is shown.

    Attributes:
        word: for people.
        tone: good, warn, bad, live, or empty for none.
        icon: a name in ``templates/parts/icons.html``.
    """

    word: str
    tone: str
    icon: str


_GOOD: Final = "good", "check"
_LIVE: Final = "live", "arrow-up"
_WARN: Final = "warn", "warning"
_BAD: Final = "bad", "stop"
_QUIET: Final = "", "dot"
_WAITS: Final = "", "clock"

MEANINGS: Final[Mapping[str, Meaning]] = {
    # rollouts
    "proposed": Meaning("awaits approval", "warn", "clock"),
    "scheduled": Meaning("scheduled", *_WAITS),
    "running": Meaning("running", *_LIVE),
    "paused": Meaning("paused", "warn", "pause"),
    "halted": Meaning("halted", *_BAD),
    "finished": Meaning("finished", *_GOOD),
    "aborted": Meaning("aborted", *_QUIET),
    # a device in one
    "pending": Meaning("pending", *_WAITS),
    "assigned": Meaning("assigned", *_LIVE),
    "downloading": Meaning("downloading", *_LIVE),
    "installed": Meaning("installed", *_LIVE),
    "trial": Meaning("on trial", *_LIVE),
    "succeeded": Meaning("runs it", *_GOOD),
    "failed": Meaning("failed", *_BAD),
    "fell_back": Meaning("fell back", "bad", "back"),
    "refused": Meaning("refused", *_WARN),
    "silent": Meaning("silent", *_WARN),
    "withdrawn": Meaning("withdrawn", *_QUIET),
    # what a device did
    "confirmed": Meaning("marked good", *_GOOD),
    "enrolled": Meaning("enrolled", *_GOOD),
    "renewed": Meaning("certificate renewed", *_GOOD),
    "rekeyed": Meaning("new key", *_WARN),
    "revoked": Meaning("revoked", *_BAD),
    # devices, people, subscriptions
    "active": Meaning("active", *_GOOD),
    "invited": Meaning("invited", *_WAITS),
    "disabled": Meaning("disabled", *_BAD),
    "locked": Meaning("locked out", *_WARN),
    # deliveries
    "delivered": Meaning("delivered", *_GOOD),
    "dead": Meaning("given up", *_BAD),
    "resend": Meaning("to be sent again", *_WAITS),
    # severities
    "critical": Meaning("critical", *_BAD),
    "high": Meaning("high", "bad", "warning"),
    "medium": Meaning("medium", *_WARN),
    "low": Meaning("low", *_QUIET),
    "none": Meaning("none", *_QUIET),
}

# why a device is not in a rollout, or waits: the words of ota_server.rollouts
REASONS: Final[Mapping[str, str]] = {
    Standing.REVOKED: "It is revoked.",
    Standing.HARDWARE: "The release is not for its hardware.",
    Standing.DOWNGRADE: "It runs a newer release, and never goes back.",
    Standing.ROLLBACK_INDEX: "Its stored rollback index is higher than the release's.",
    Standing.ROLLBACK_INDEX_JUMP: "The release's rollback index is too far above its own.",
    Standing.STEPPING_STONE: "It must run an older release first: name one as the stepping stone.",
    BEYOND_THE_WAVES: "The waves together take fewer devices than the group has.",
    NOT_IN_THE_GROUP: "A wave names it, and it is not in the group.",
}

# who says that there is a weakness
_SOURCES: Final = {"signed": "our release engineers", "osv": "OSV", "csaf": "CSAF"}


def meaning(state: object) -> Meaning:
    """How a state is shown; one that is new here is shown as it is."""
    return MEANINGS.get(str(state), Meaning(str(state), "", "dot"))


def moment(at: datetime | int | None) -> str:
    """A time to the minute, UTC."""
    if at is None:
        return "never"
    when = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(at: datetime | int | None, now: datetime) -> str:
    """How long ago, or in how long, as people say it."""
    if at is None:
        return "never"
    when = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    seconds = (now - when).total_seconds()
    words = span(abs(seconds))
    if abs(seconds) < _MINUTE_S:
        return "just now"
    if abs(seconds) > _DAYS_AGO_MOST * _DAY_S:
        return f"{when:%Y-%m-%d}"
    return f"{words} ago" if seconds > 0 else f"in {words}"


def span(seconds: float) -> str:
    """A duration in its largest whole unit."""
    for unit_s, name in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        if seconds >= unit_s:
            number = int(seconds // unit_s)
            return f"{number} {name}{'' if number == 1 else 's'}"
    return f"{int(seconds)} s"


def size(number: int) -> str:
    """Bytes in decimal units."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < _KILO:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"  # noqa: PLR2004 - three digits are enough
        value /= _KILO
    return f"{value:.1f} TB"


def number(value: int) -> str:
    """A count with its thousands apart."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(value: int, word: str) -> str:
    """A count and what is counted: 1 device, 2 devices."""
    return in_words(value, word, number(value))


def source(name: object) -> str:
    """Who says that there is a weakness."""
    return _SOURCES.get(str(name), str(name))


def reason(code: str) -> str:
    """Why a device is left out, in a sentence."""
    return REASONS.get(code, code.replace("-", " ").replace("_", " "))
