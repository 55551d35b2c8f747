"""What is done with a rollout; each page says beforehand what that is."""

from typing import Final

from ota_server.operations import approvals, rollouts
from ota_server.web.pages.page import Answer, Drawn, Page, Visit, done
from ota_server.web.pages.rollout_steps import abort_effect


def pause(visit: Visit) -> Answer:
    """Offer nothing new."""
    rollouts.pause(visit.desk, visit.number("rollout_id"), reason=visit.form.text("reason"))
    return _done(visit, "rollout-pause")


def resume(visit: Visit) -> Answer:
    """Go on."""
    rollouts.resume(visit.desk, visit.number("rollout_id"))
    return _done(visit, "rollout-resume")


def retry(visit: Visit) -> Answer:
    """Give it once more to those that failed."""
    rollouts.retry(visit.desk, visit.number("rollout_id"))
    return _done(visit, "rollout-retry")


def ask_abort(visit: Visit) -> Answer:
    """Say what an abort does, and ask once more."""
    found = rollouts.find(visit.desk, visit.number("rollout_id"))
    values = {
        "title": f"Abort {found.name}",
        "crumbs": (("Rollouts", "/rollouts"), (found.name, _path(visit))),
        "effects": (abort_effect(found),),
        "action": f"{_path(visit)}/abort",
        "button": "Abort the rollout",
        "back": _path(visit),
        "typed": "",
        "error": "",
    }
    return Drawn("confirm", values)


def abort(visit: Visit) -> Answer:
    """End it for good."""
    rollouts.abort(visit.desk, visit.number("rollout_id"), reason=visit.form.text("reason"))
    return _done(visit, "rollout-abort")


def approve(visit: Visit) -> Answer:
    """Agree to what another one proposed."""
    approvals.approve(visit.desk, visit.number("rollout_id"), comment=visit.form.text("comment"))
    return _done(visit, "rollout-approve")


def reject(visit: Visit) -> Answer:
    """Decline it."""
    approvals.reject(visit.desk, visit.number("rollout_id"), comment=visit.form.text("comment"))
    return _done(visit, "rollout-reject")


def _path(visit: Visit) -> str:
    return f"/rollouts/{visit.number('rollout_id')}"


def _done(visit: Visit, what: str) -> Answer:
    return done(_path(visit), what)


_ROLLOUT: Final = "/rollouts/{rollout_id}"
PAGES: Final = (
    Page("POST", f"{_ROLLOUT}/pause", pause, "Stop: offer nothing new."),
    Page("POST", f"{_ROLLOUT}/resume", resume, "Go on."),
    Page(
        "POST", f"{_ROLLOUT}/retry", retry, "Once more for those that failed, fell back or were silent."
    ),
    Page("GET", f"{_ROLLOUT}/abort", ask_abort, "What an abort does, and whether it is meant."),
    Page("POST", f"{_ROLLOUT}/abort", abort, "End it for good."),
    Page("POST", f"{_ROLLOUT}/approve", approve, "Agree to a proposed rollout (four eyes)."),
    Page("POST", f"{_ROLLOUT}/reject", reject, "Decline a proposed rollout."),
)
