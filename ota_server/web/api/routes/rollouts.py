"""Rollouts, looked at."""

from typing import Final

from ota_server.operations import approvals, rollouts
from ota_server.web.api.paging import given
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.rollout_plan import RolloutBody
from ota_server.web.api.shapes.rollouts import (
    ApprovalAnswer,
    FailuresAnswer,
    MembersAnswer,
    MembersQuery,
    PreviewAnswer,
    RolloutAnswer,
    RolloutsAnswer,
    RolloutsQuery,
)

ALL: Final = f"{PREFIX}/rollouts"
ONE: Final = f"{ALL}/{{rollout_id}}"
# a wave may name many devices
PLAN_MOST_BYTES: Final = 64 * 1024


def _listed(call: Call[RolloutsQuery, None]) -> RolloutsAnswer:
    query = call.query
    page = rollouts.listed(
        call.desk,
        product=given(query.product),
        states=query.state,
        after=query.cursor,
        limit=query.limit,
    )
    return RolloutsAnswer.of_items(page, [RolloutAnswer.at(one) for one in page.items])


def _shown(call: Call[None, None]) -> RolloutAnswer:
    return RolloutAnswer.at(rollouts.find(call.desk, call.number("rollout_id")))


def _members(call: Call[MembersQuery, None]) -> MembersAnswer:
    query = call.query
    page = rollouts.members(
        call.desk,
        call.number("rollout_id"),
        state=given(query.state),
        after=query.cursor,
        limit=query.limit,
    )
    return MembersAnswer.page(page)


def _failures(call: Call[None, None]) -> FailuresAnswer:
    found = rollouts.failure_reasons(call.desk, call.number("rollout_id"))
    return FailuresAnswer.told({"items": found})


def _approval(call: Call[None, None]) -> ApprovalAnswer:
    return ApprovalAnswer.at(approvals.find(call.desk, call.number("rollout_id")))


def _previewed(call: Call[None, RolloutBody]) -> PreviewAnswer:
    return PreviewAnswer.at(rollouts.preview(call.desk, call.body.to_plan()))


ROUTES: Final = (
    Route(
        "GET",
        ALL,
        "list_rollouts",
        "Rollouts, the newest first.",
        query=RolloutsQuery,
        answer=RolloutsAnswer,
        do=_listed,
    ),
    Route(
        "POST",
        f"{ALL}/preview",
        "preview_rollout",
        "Who would be in, in which wave, and who would not and why; nothing changes.",
        body=RolloutBody,
        answer=PreviewAnswer,
        most_bytes=PLAN_MOST_BYTES,
        reads_releases=True,
        do=_previewed,
    ),
    Route("GET", ONE, "show_rollout", "A rollout, with its waves.", answer=RolloutAnswer, do=_shown),
    Route(
        "GET",
        f"{ONE}/devices",
        "list_rollout_devices",
        "A rollout's devices, in the order in which they became members.",
        query=MembersQuery,
        answer=MembersAnswer,
        do=_members,
    ),
    Route(
        "GET",
        f"{ONE}/failures",
        "list_rollout_failures",
        "Why devices failed or fell back, the most frequent first.",
        answer=FailuresAnswer,
        do=_failures,
    ),
    Route(
        "GET",
        f"{ONE}/approval",
        "show_rollout_approval",
        "Who asked for a rollout, and who decided.",
        answer=ApprovalAnswer,
        do=_approval,
    ),
)
