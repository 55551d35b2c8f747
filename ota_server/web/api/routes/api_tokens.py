"""API tokens, looked at and withdrawn; they are made by people and commands, never by tokens."""

from http import HTTPStatus
from typing import Final

from ota_server.operations import api_tokens
from ota_server.operators.actor import Role
from ota_server.web.api.paging import PageQuery
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.operators import ApiTokensAnswer

_ALL: Final = f"{PREFIX}/api-tokens"


def _listed(call: Call[PageQuery, None]) -> ApiTokensAnswer:
    query = call.query
    return ApiTokensAnswer.page(api_tokens.listed(call.desk, after=query.cursor, limit=query.limit))


def _withdrawn(call: Call[None, None]) -> None:
    api_tokens.withdraw(call.desk, call.number("token_id"))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_api_tokens",
        "What is known of your owner's API tokens, or as an admin of all products of all.",
        query=PageQuery,
        answer=ApiTokensAnswer,
        do=_listed,
    ),
    Route(
        "DELETE",
        f"{_ALL}/{{token_id}}",
        "withdraw_api_token",
        "Make an API token void from the next request on.",
        status=HTTPStatus.NO_CONTENT,
        role=Role.VIEWER,
        changes=True,
        do=_withdrawn,
    ),
)
