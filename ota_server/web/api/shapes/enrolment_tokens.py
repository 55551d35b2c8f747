"""Enrolment tokens: what lets devices enrol."""

from typing import Annotated, Final

from msgspec import Meta

from ota_client.formats.strict import NAME_LONGEST
from ota_server.devices.tokens import LIFETIME_MOST, USES_MOST
from ota_server.web.api.paging import Answer, PageAnswer
from ota_server.web.shapes import Moment, Name, Shape

_WEEK_S: Final = 7 * 86_400
_LONGEST_S: Final = int(LIFETIME_MOST.total_seconds())
_TAGS_MOST: Final = 20


class EnrolmentTokenBody(Shape, frozen=True):
    """Which devices a new token is to enrol."""

    product: Name
    # an id, or a pattern such as cam-*
    device_ids: Annotated[
        str,
        Meta(
            max_length=NAME_LONGEST,
            pattern=r"^[a-z0-9._*?-]+$(?!\n)",
            description="An id, or a pattern such as `cam-*`.",
        ),
    ] = "*"
    uses: Annotated[int, Meta(ge=1, le=USES_MOST, description="How many devices it enrols.")] = 1
    lifetime_s: Annotated[int, Meta(ge=1, le=_LONGEST_S)] = _WEEK_S
    tags: Annotated[
        tuple[Name, ...], Meta(max_length=_TAGS_MOST, description="For the devices that it enrols.")
    ] = ()
    rekey: Annotated[
        bool, Meta(description="Give the known device of this very id to another key, once.")
    ] = False


class IssuedTokenAnswer(Answer, frozen=True):
    """A new token; it is shown this once."""

    id: int
    token: str
    expires_at: Moment


class EnrolmentTokenAnswer(Answer, frozen=True):
    """What is known of a token; not the token."""

    id: int
    product: Name
    device_ids: str
    tags: list[str]
    uses_left: int
    rekey: bool
    created_at: Moment
    expires_at: Moment


class EnrolmentTokensAnswer(PageAnswer, frozen=True):
    """The tokens that have not expired, oldest first."""

    items: list[EnrolmentTokenAnswer]
