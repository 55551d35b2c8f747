"""Rollouts, made and steered."""

from http import HTTPStatus
from typing import Final

from ota_server.operations import approvals, rollouts
from ota_server.operators.actor import Role
from ota_server.web.api.paging import given
from ota_server.web.api.route import Call, Route
from ota_server.web.api.routes.rollouts import ALL, ONE, PLAN_MOST_BYTES
from ota_server.web.api.shapes.devices import ReasonBody
from ota_server.web.api.shapes.rollout_plan import RolloutBody
from ota_server.web.api.shapes.rollouts import (
    CommentBody,
    ConsentBody,
    RetriedAnswer,
    RetryBody,
    RolloutAnswer,
)


def _created(call: Call[None, RolloutBody]) -> RolloutAnswer:
    return RolloutAnswer.at(rollouts.create(call.desk, call.body.to_plan()))


def _paused(call: Call[None, ReasonBody]) -> RolloutAnswer:
    reason = call.body.reason
    return RolloutAnswer.at(rollouts.pause(call.desk, call.number("rollout_id"), reason=reason))


def _resumed(call: Call[None, None]) -> RolloutAnswer:
    return RolloutAnswer.at(rollouts.resume(call.desk, call.number("rollout_id")))


def _aborted(call: Call[None, ReasonBody]) -> RolloutAnswer:
    reason = call.body.reason
    return RolloutAnswer.at(rollouts.abort(call.desk, call.number("rollout_id"), reason=reason))


def _retried(call: Call[None, RetryBody]) -> RetriedAnswer:
    body, states = call.body, given(call.body.states)
    again = rollouts.retry(
        call.desk,
        call.number("rollout_id"),
        states=rollouts.RETRIED if states is None else states,
        device_ids=body.device_ids,
    )
    return RetriedAnswer(again)


def _consented(call: Call[None, ConsentBody]) -> RolloutAnswer:
    device_id = call.body.device_id
    return RolloutAnswer.at(rollouts.consent(call.desk, call.number("rollout_id"), device_id))


def _approved(call: Call[None, CommentBody]) -> RolloutAnswer:
    comment = call.body.comment
    return RolloutAnswer.at(approvals.approve(call.desk, call.number("rollout_id"), comment=comment))


def _rejected(call: Call[None, CommentBody]) -> RolloutAnswer:
    comment = call.body.comment
    return RolloutAnswer.at(approvals.reject(call.desk, call.number("rollout_id"), comment=comment))


ROUTES: Final = (
    Route(
        "POST",
        ALL,
        "create_rollout",
        "Roll a release out in waves; it is proposed where the product needs approval.",
        status=HTTPStatus.CREATED,
        body=RolloutBody,
        answer=RolloutAnswer,
        most_bytes=PLAN_MOST_BYTES,
        # a release or a group that is not there
        role=Role.OPERATOR,
        changes=True,
        reads_releases=True,
        do=_created,
    ),
    Route(
        "POST",
        f"{ONE}/pause",
        "pause_rollout",
        "Offer nothing new; devices that are updating go on.",
        body=ReasonBody,
        answer=RolloutAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_paused,
    ),
    Route(
        "POST",
        f"{ONE}/resume",
        "resume_rollout",
        "Go on, in spite of what has failed so far.",
        answer=RolloutAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_resumed,
    ),
    Route(
        "POST",
        f"{ONE}/abort",
        "abort_rollout",
        "End it for good: who waits gets nothing, who has installed goes on.",
        body=ReasonBody,
        answer=RolloutAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_aborted,
    ),
    Route(
        "POST",
        f"{ONE}/retry",
        "retry_rollout",
        "Give it once more to devices that failed, fell back or were silent.",
        body=RetryBody,
        answer=RetriedAnswer,
        most_bytes=PLAN_MOST_BYTES,
        role=Role.OPERATOR,
        changes=True,
        do=_retried,
    ),
    Route(
        "POST",
        f"{ONE}/consent",
        "consent_to_rollout",
        "Agree in the name of a device's owner, who has told a person and not the device.",
        body=ConsentBody,
        answer=RolloutAnswer,
        role=Role.OPERATOR,
        changes=True,
        do=_consented,
    ),
    Route(
        "POST",
        f"{ONE}/approve",
        "approve_rollout",
        "Agree to a rollout that another proposed: it starts.",
        body=CommentBody,
        answer=RolloutAnswer,
        role=Role.APPROVER,
        changes=True,
        do=_approved,
    ),
    Route(
        "POST",
        f"{ONE}/reject",
        "reject_rollout",
        "Decline a rollout that another proposed, for good.",
        body=CommentBody,
        answer=RolloutAnswer,
        role=Role.APPROVER,
        changes=True,
        do=_rejected,
    ),
)
