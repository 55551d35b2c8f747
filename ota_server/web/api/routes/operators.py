"""Operators: who may come, and what each may."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from ota_server.operations import people
from ota_server.operations.people import Invited
from ota_server.operators.actor import Role
from ota_server.operators.role import Grant
from ota_server.web.api.paging import PageQuery
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.operators import (
    InviteAgainBody,
    InviteBody,
    InvitedAnswer,
    OperatorAnswer,
    OperatorsAnswer,
    RoleBody,
    SignedOutAnswer,
)

_ALL: Final = f"{PREFIX}/operators"
_ONE: Final = f"{_ALL}/{{operator}}"
_GRANT: Final = f"{_ONE}/grants/{{granted}}"


def _listed(call: Call[PageQuery, None]) -> OperatorsAnswer:
    query = call.query
    return OperatorsAnswer.page(people.listed(call.desk, after=query.cursor, limit=query.limit))


def _found(call: Call[None, None]) -> OperatorAnswer:
    return OperatorAnswer.told(people.find(call.desk, call.text("operator")))


def _invited(call: Call[None, InviteBody]) -> InvitedAnswer:
    body = call.body
    grants = [Grant(role, product) for product, role in sorted(body.grants.items())]
    lifetime = timedelta(seconds=body.lifetime_s)
    made = people.invite(call.desk, body.name, grants, mail=body.mail, lifetime=lifetime)
    return _answered(call.parts.public_url, made)


def _invited_again(call: Call[None, InviteAgainBody]) -> InvitedAnswer:
    lifetime = timedelta(seconds=call.body.lifetime_s)
    made = people.invite_again(call.desk, call.text("operator"), lifetime=lifetime)
    return _answered(call.parts.public_url, made)


def _answered(public_url: str, made: Invited) -> InvitedAnswer:
    link = made.link
    return InvitedAnswer.told(
        {"operator": made.operator, "url": link.url(public_url), "expires_at": link.expires_at}
    )


def _granted(call: Call[None, RoleBody]) -> OperatorAnswer:
    grant = Grant(call.body.role, call.text("granted"))
    return OperatorAnswer.told(people.grant(call.desk, call.text("operator"), grant))


def _grant_revoked(call: Call[None, None]) -> OperatorAnswer:
    name, product = call.text("operator"), call.text("granted")
    return OperatorAnswer.told(people.revoke_grant(call.desk, name, product))


def _disabled(call: Call[None, None]) -> OperatorAnswer:
    return OperatorAnswer.told(people.disable(call.desk, call.text("operator")))


def _enabled(call: Call[None, None]) -> OperatorAnswer:
    return OperatorAnswer.told(people.enable(call.desk, call.text("operator")))


def _signed_out(call: Call[None, None]) -> SignedOutAnswer:
    return SignedOutAnswer(people.sign_out(call.desk, call.text("operator")))


def _removed(call: Call[None, None]) -> None:
    people.remove(call.desk, call.text("operator"))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_operators",
        "Operators, by name.",
        query=PageQuery,
        answer=OperatorsAnswer,
        role=Role.ADMIN,
        everywhere=True,
        do=_listed,
    ),
    Route(
        "POST",
        _ALL,
        "invite_operator",
        "Make an account, and a link by which its person sets a password; it is shown this once.",
        status=HTTPStatus.CREATED,
        body=InviteBody,
        answer=InvitedAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_invited,
    ),
    Route(
        "GET",
        _ONE,
        "show_operator",
        "An operator.",
        answer=OperatorAnswer,
        role=Role.ADMIN,
        everywhere=True,
        do=_found,
    ),
    Route(
        "POST",
        f"{_ONE}/invite",
        "invite_operator_again",
        "Make another link, for who forgot the password or is locked out.",
        body=InviteAgainBody,
        answer=InvitedAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_invited_again,
    ),
    Route(
        "PUT",
        _GRANT,
        "grant_role",
        "Give a role for one product, or with `*` for all.",
        body=RoleBody,
        answer=OperatorAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_granted,
    ),
    Route(
        "DELETE",
        _GRANT,
        "revoke_role",
        "Take the role for one product, or with `*` the one for all, away.",
        answer=OperatorAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_grant_revoked,
    ),
    Route(
        "POST",
        f"{_ONE}/disable",
        "disable_operator",
        "Refuse an operator, and the operator's tokens, from the next request on.",
        answer=OperatorAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_disabled,
    ),
    Route(
        "POST",
        f"{_ONE}/enable",
        "enable_operator",
        "Let an operator in again; also ends a lock after wrong passwords.",
        answer=OperatorAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_enabled,
    ),
    Route(
        "POST",
        f"{_ONE}/sign-out",
        "sign_operator_out",
        "End all sessions of an operator.",
        answer=SignedOutAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_signed_out,
    ),
    Route(
        "DELETE",
        _ONE,
        "remove_operator",
        "Forget an operator, with sessions, links and tokens; the audit log stays.",
        status=HTTPStatus.NO_CONTENT,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_removed,
    ),
)
