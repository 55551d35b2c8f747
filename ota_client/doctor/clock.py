"""The clock, and what takes its place where it cannot be trusted (A09, A11)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.system import Setup

_UNSET_YEAR: Final = 2000
_AHEAD: Final = timedelta(days=15 * 365)


def examine_clock(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the clock."""
    built_at, now = setup.config.firmware.built_at, setup.now
    if now.year < _UNSET_YEAR:
        what = f"the clock says {now:%Y-%m-%d}: it was never set, and certificates look not yet valid"
        yield error(Code.CLOCK_UNSET, what, "set it before the client starts (NTP, RTC, build time)")
    elif now < built_at:
        what = f"the clock says {now:%Y-%m-%d}, before the firmware was built ({built_at:%Y-%m-%d})"
        yield warning(Code.CLOCK_BEHIND, what, "set it; until then the build time stands in for it")
    if built_at.year < _UNSET_YEAR:
        what = "the firmware does not say when it was built: a clock set back is believed"
        yield warning(Code.BUILT_AT_MISSING, what, "let the build write firmware.built_at")
    elif now - built_at > _AHEAD:
        what = f"the clock says {now:%Y-%m-%d}, more than 15 years after the firmware was built"
        yield warning(Code.CLOCK_AHEAD, what, "set it: everything looks expired")
    if not any((setup.system.sys / "class" / "rtc").glob("rtc*")):
        what = "there is no real-time clock: after a power cut the time is unknown"
        yield note(Code.CLOCK_NO_RTC, what, "let the time be set by NTP before the client starts")
