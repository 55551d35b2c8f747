"""Rollouts in words and as JSON."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ota_client.formats.counted import counted
from ota_server.cli.console import table
from ota_server.errors import NotFoundError

if TYPE_CHECKING:
    from ota_server.operations.desk import Desk
    from ota_server.rollouts.approval import Approval
    from ota_server.rollouts.preview import Preview
    from ota_server.rollouts.rollout_view import Rollout

_WAVE_HEADS = ("wave", "takes", "devices", "waiting", "updating", "succeeded", "failed", "fell back")
_EXAMPLES_MOST = 5


def found(desk: "Desk", text: str) -> "Rollout":
    """The rollout that the command line names: by its id, or as PRODUCT/NAME.

    Raises:
        NotFoundError: there is none.
    """
    from ota_server.operations import rollouts  # noqa: PLC0415 - help must start fast

    product, slash, name = text.partition("/")
    # too long a number is none that the database could hold
    number = int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - as said
    try:
        return rollouts.named(desk, product, name) if slash else rollouts.find(desk, number)
    except NotFoundError as e:
        raise NotFoundError(
            f"expected the id of a rollout or PRODUCT/NAME, got {text[:130]!r}; "
            "`ota-server rollout list` has them"
        ) from e


def rollout_fields(rollout: "Rollout") -> dict[str, object]:
    """A rollout as JSON fields (docs/reference/ota-server.md)."""
    return {
        "id": rollout.id,
        "product": rollout.product,
        "name": rollout.name,
        "version": rollout.version,
        "group": rollout.group,
        "state": rollout.state.value,
        "reason": rollout.reason,
        "wave": rollout.wave,
        "in_flight": rollout.in_flight,
        "max_in_flight": rollout.max_in_flight,
        "priority": rollout.priority,
        "created_at": rollout.created_at,
        "starts_at": rollout.starts_at,
        "changed_at": rollout.changed_at,
        "revision": rollout.revision,
        "plan": json.loads(rollout.plan.to_json()),
        "waves": [{**asdict(wave), "pending": wave.pending} for wave in rollout.waves],
    }


def rollout_text(rollout: "Rollout") -> str:
    """A rollout in words, with its waves in columns."""
    heads = (*_WAVE_HEADS, "refused", "silent")
    rows = []
    for w in rollout.waves:
        takes = rollout.plan.wave(w.number).takes
        answers = (w.succeeded, w.failed, w.fell_back, w.refused, w.silent)
        rows.append((w.number, takes, w.members - w.withdrawn, w.pending, w.assigned, *answers))
    return "\n".join((headline(rollout), f"group {rollout.group}", table(heads, rows)))


def headline(rollout: "Rollout") -> str:
    """Where a rollout is, in one line."""
    members = sum(wave.members - wave.withdrawn for wave in rollout.waves)
    succeeded = sum(wave.succeeded for wave in rollout.waves)
    bad = sum(wave.bad for wave in rollout.waves)
    why = f" ({rollout.reason})" if rollout.reason else ""
    return (
        f"{rollout.product}/{rollout.name} {rollout.version}: {rollout.state.value}{why}, "
        f"wave {rollout.wave} of {len(rollout.waves)}, {succeeded} of {members} run it, "
        f"{rollout.in_flight} updating, {bad} failed or fell back"
    )


def preview_text(preview: "Preview") -> str:
    """Who would be in, by wave, and who would not and why."""
    lines = []
    for number, wave in enumerate(preview.waves, 1):
        names = [one.device_id for one in wave]
        lines.append(f"wave {number}: {counted(len(wave), 'device')}{_examples(names)}")
    for reason in sorted({one.waits for one in preview.waiting}):
        names = [one.device_id for one in preview.waiting if one.waits == reason]
        lines.append(f"waiting, {reason}: {counted(len(names), 'device')}{_examples(names)}")
    for reason, count in sorted(preview.reasons().items()):
        names = [one.device_id for one in preview.excluded if one.reason == reason]
        lines.append(f"not in it, {reason}: {counted(count, 'device')}{_examples(names)}")
    if not any(preview.waves):
        lines.append("no device would be in it")
    return "\n".join(lines)


def _examples(names: list[str]) -> str:
    shown = ", ".join(names[:_EXAMPLES_MOST])
    more = ", ..." if len(names) > _EXAMPLES_MOST else ""
    return f": {shown}{more}" if shown else ""


def preview_fields(preview: "Preview") -> dict[str, object]:
    """The same as JSON fields."""
    return {
        "waves": [
            [
                {"device_id": one.device_id, "standing": one.standing.value, "waits": one.waits}
                for one in wave
            ]
            for wave in preview.waves
        ],
        "excluded": [asdict(one) for one in preview.excluded],
        "reasons": preview.reasons(),
    }


def approval_text(approval: "Approval | None") -> str:
    """Who made a rollout, and who agreed to it."""
    if approval is None:
        return "made by -"
    made = f"made by {approval.asked_by}"
    if approval.verdict is None:
        return made
    comment = f" ({approval.comment})" if approval.comment else ""
    return f"{made}, {approval.verdict} by {approval.decided_by}{comment}"
