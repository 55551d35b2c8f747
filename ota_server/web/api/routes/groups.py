"""Groups of devices."""

from http import HTTPStatus
from typing import Final

from ota_server.operations import groups
from ota_server.operators.actor import Role
from ota_server.web.api.paging import PageQuery, given
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.devices import DevicesAnswer
from ota_server.web.api.shapes.groups import (
    GroupAnswer,
    GroupBody,
    GroupPreviewBody,
    GroupQueryBody,
    GroupsAnswer,
    MatchesAnswer,
    OfProduct,
)

_ALL: Final = f"{PREFIX}/groups"
_ONE: Final = f"{_ALL}/{{product}}/{{group}}"


def _listed(call: Call[OfProduct, None]) -> GroupsAnswer:
    return GroupsAnswer.whole(groups.listed(call.desk, product=given(call.query.product)))


def _found(call: Call[None, None]) -> GroupAnswer:
    return GroupAnswer.told(groups.find(call.desk, call.text("product"), call.text("group")))


def _members(call: Call[PageQuery, None]) -> DevicesAnswer:
    names, query = (call.text("product"), call.text("group")), call.query
    page = groups.members(call.desk, *names, after=query.cursor, limit=query.limit)
    return DevicesAnswer.page(page)


def _previewed(call: Call[None, GroupPreviewBody]) -> MatchesAnswer:
    body = call.body
    return MatchesAnswer.told(groups.preview(call.desk, body.product, body.query, limit=body.limit))


def _created(call: Call[None, GroupBody]) -> GroupAnswer:
    body = call.body
    return GroupAnswer.told(groups.create(call.desk, body.product, body.name, body.query))


def _edited(call: Call[None, GroupQueryBody]) -> GroupAnswer:
    names = call.text("product"), call.text("group")
    return GroupAnswer.told(groups.edit(call.desk, *names, call.body.query))


def _removed(call: Call[None, None]) -> None:
    groups.remove(call.desk, call.text("product"), call.text("group"))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_groups",
        "The groups, by product and name.",
        query=OfProduct,
        answer=GroupsAnswer,
        do=_listed,
    ),
    Route(
        "POST",
        _ALL,
        "create_group",
        "Make a group of the devices that a query matches.",
        status=HTTPStatus.CREATED,
        body=GroupBody,
        answer=GroupAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_created,
    ),
    Route(
        "POST",
        f"{_ALL}/preview",
        "preview_group",
        "Whom a query would match; nothing changes.",
        body=GroupPreviewBody,
        answer=MatchesAnswer,
        do=_previewed,
    ),
    Route("GET", _ONE, "show_group", "A group.", answer=GroupAnswer, do=_found),
    Route(
        "GET",
        f"{_ONE}/devices",
        "list_group_devices",
        "The devices in a group, in the order of their ids.",
        query=PageQuery,
        answer=DevicesAnswer,
        do=_members,
    ),
    Route(
        "PUT",
        _ONE,
        "edit_group",
        "Give a group another query; its open rollouts follow.",
        body=GroupQueryBody,
        answer=GroupAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_edited,
    ),
    Route(
        "DELETE",
        _ONE,
        "remove_group",
        "Delete a group; its devices stay.",
        status=HTTPStatus.NO_CONTENT,
        role=Role.OPERATOR,
        changes=True,
        do=_removed,
    ),
)
