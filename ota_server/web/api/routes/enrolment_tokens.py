"""Enrolment tokens."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from ota_server.operations import enrolment_tokens
from ota_server.operators.actor import Role
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.enrolment_tokens import (
    EnrolmentTokenBody,
    EnrolmentTokensAnswer,
    IssuedTokenAnswer,
)

_ALL: Final = f"{PREFIX}/enrolment-tokens"


def _listed(call: Call[None, None]) -> EnrolmentTokensAnswer:
    return EnrolmentTokensAnswer.whole(enrolment_tokens.listed(call.desk))


def _issued(call: Call[None, EnrolmentTokenBody]) -> IssuedTokenAnswer:
    body = call.body
    issued = enrolment_tokens.issue(
        call.desk,
        body.product,
        device_ids=body.device_ids,
        uses=body.uses,
        lifetime=timedelta(seconds=body.lifetime_s),
        tags=body.tags,
        rekey=body.rekey,
    )
    return IssuedTokenAnswer.told(issued)


def _withdrawn(call: Call[None, None]) -> None:
    enrolment_tokens.withdraw(call.desk, call.number("token_id"))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_enrolment_tokens",
        "What is known of the tokens that have not expired; not the tokens.",
        answer=EnrolmentTokensAnswer,
        do=_listed,
    ),
    Route(
        "POST",
        _ALL,
        "issue_enrolment_token",
        "Make a token that lets devices enrol; it is shown this once.",
        status=HTTPStatus.CREATED,
        body=EnrolmentTokenBody,
        answer=IssuedTokenAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_issued,
    ),
    Route(
        "DELETE",
        f"{_ALL}/{{token_id}}",
        "withdraw_enrolment_token",
        "Make a token void; devices that it enrolled stay.",
        status=HTTPStatus.NO_CONTENT,
        role=Role.OPERATOR,
        changes=True,
        do=_withdrawn,
    ),
)
