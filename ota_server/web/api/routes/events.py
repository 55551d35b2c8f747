"""What happened, page by page or as it happens."""

from typing import Final

from ota_server.operations import notifications
from ota_server.web.api.paging import Part, given
from ota_server.web.api.route import PREFIX, Call, Kind, Route
from ota_server.web.api.shapes.events import EventAnswer, EventsAnswer, EventsQuery, FollowQuery
from ota_server.web.api.streams import EVENTS

_PART: Final = 100


def _listed(call: Call[EventsQuery, None]) -> EventsAnswer:
    query = call.query
    page = notifications.events(
        call.desk,
        kinds=frozenset(query.kind),
        product=given(query.product) or "",
        device_id=given(query.device_id) or "",
        after=query.cursor,
        limit=query.limit,
    )
    return EventsAnswer.page(page)


def _following(call: Call[FollowQuery, None]) -> Part:
    """What happened behind a position; at first that is now, unless the client says otherwise."""
    query = call.query
    # read first: what is committed meanwhile is behind it, and found the next time
    newest = notifications.newest_event(call.desk)
    position = given(query.position) if call.after is None else int(call.after)
    if position is None:
        return Part([], str(newest))
    found = notifications.events_behind(
        call.desk,
        position,
        product=given(query.product) or "",
        kinds=frozenset(query.kind),
        device_id=given(query.device_id) or "",
    )
    behind = found[-1].id if len(found) == _PART else max(newest, position)
    return Part([EventAnswer.told(event) for event in found], str(behind))


ROUTES: Final = (
    Route(
        "GET",
        f"{PREFIX}/events",
        "list_events",
        "What happened, the newest first.",
        query=EventsQuery,
        answer=EventsAnswer,
        do=_listed,
    ),
    Route(
        "GET",
        f"{PREFIX}/events/stream",
        "follow_events",
        "What happens, as server-sent events; Last-Event-ID goes on where a stream broke off.",
        query=FollowQuery,
        media_type=EVENTS,
        kind=Kind.EVENTS,
        do=_following,
    ),
)
