"""What is published: would devices take it, and for how long?"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ota_client.doctor.finding import Finding, error, note, warning
from ota_client.errors import ConfigError, ExpiredError, OtaError
from ota_client.formats.counted import counted
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Setup
from ota_server.errors import NotPublishedError

# the timestamp is renewed by a timer, and is short on purpose
_ONLINE_SOON: Final = timedelta(days=1)
_OFFLINE_SOON: Final = timedelta(days=30)
_AGAIN: Final = "publish again from the repository"
_RENEW: Final = "`ota-sign refresh`, or `ota-sign renew` and the signers"
_ONLINE: Final = frozenset({"timestamp", "snapshot"})


def examine_published(setup: Setup) -> Iterator[Finding]:
    """Find metadata that devices refuse, or soon will."""
    if setup.reading_error is not None:
        yield _unread(setup.reading_error)
    if setup.reading is None:
        return
    for product, refusal in setup.reading.refused.items():
        what = f"devices refuse product {product}: {refusal}"
        if isinstance(refusal, ExpiredError):
            yield error(Code.METADATA_EXPIRED, what, _RENEW)
        else:
            yield error(Code.METADATA_REFUSED, what, _AGAIN)
    for product, read in setup.reading.products.items():
        for role, end in sorted(read.roles_expire_at.items()):
            yield from _expiry(f"product {product}: role {role}", role, end, setup.now)


def _unread(reason: OtaError) -> Finding:
    # a folder that is not there yet is an error of the settings
    if isinstance(reason, NotPublishedError | ConfigError):
        return note(Code.NOTHING_PUBLISHED, str(reason), "publish with `ota-sign publish --to`")
    if isinstance(reason, ExpiredError):
        return error(Code.METADATA_EXPIRED, str(reason), _RENEW)
    return error(Code.METADATA_REFUSED, f"devices refuse what is published: {reason}", _AGAIN)


def _expiry(name: str, role: str, end: datetime, now: datetime) -> Iterator[Finding]:
    left = end - now
    if left <= timedelta(0):
        yield error(Code.METADATA_EXPIRED, f"{name} expired on {end:%Y-%m-%d}", _RENEW)
    elif left < (_ONLINE_SOON if role in _ONLINE else _OFFLINE_SOON):
        way_out = "let a timer run `ota-sign refresh --if-due`; `ota-sign renew` for the others"
        yield warning(Code.METADATA_EXPIRES_SOON, f"{name} expires in {_words(left)}", way_out)


def _words(left: timedelta) -> str:
    return counted(left.days, "day") if left.days else counted(left.seconds // 3600, "hour")
