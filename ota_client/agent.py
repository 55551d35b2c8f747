"""The polling loop: confirm a trial, check or check in, install, wait; with jitter and back-off."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import time

from ota_client.agent_settings import AgentSettings
from ota_client.client import OtaClient
from ota_client.errors import HookError, HttpStatusError, NotAuthorisedError, OtaError
from ota_client.fleet.errand import Errand
from ota_client.fleet.member import FleetMember
from ota_client.formats.version import Version
from ota_client.hooks import HookRunner
from ota_client.progress import Progress
from ota_client.recovery import Phase
from ota_client.report import Check

_log = logging.getLogger(__name__)


class AgentStoppedError(Exception):
    """The agent was asked to stop; what it has written so far is kept for the next start."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the loop depends on besides the device.

    Attributes:
        wait: waits so many seconds; True as soon as the agent is asked to stop.
        random: from 0 up to, not including, 1.
        local_time: for the maintenance window.
    """

    wait: Callable[[float], bool]
    random: Callable[[], float]
    local_time: Callable[[], time]


class Agent:
    """Keeps one device up to date.

    Args:
        client: the device.
        settings: how it polls.
        hooks: its own commands.
        surroundings: what the loop depends on besides.
        member: its dealings with an update server; None where it follows its channel alone.
    """

    def __init__(
        self,
        client: OtaClient,
        settings: AgentSettings,
        hooks: HookRunner,
        surroundings: Surroundings,
        member: FleetMember | None = None,
    ) -> None:
        self._client, self._settings = client, settings
        self._hooks, self._surroundings = hooks, surroundings
        self._member = member
        self._errand = Errand(member, client, hooks) if member else None
        self._interval_s = member.settings.check_in_s if member else settings.poll_s
        self._channel_in_s = 0.0

    def run(self, *, once: bool = False) -> None:
        """Poll until asked to stop; errors are logged, and the next poll comes later.

        Args:
            once: poll once, for a timer.

        Raises:
            OtaError: the only poll failed.
        """
        if once:
            with suppress(AgentStoppedError):
                self.poll()
            return
        failures = 0
        stopped = False
        while not stopped:
            error = None
            try:
                self.poll()
                failures = 0
            except AgentStoppedError:
                return
            except OtaError as e:
                failures, error = failures + 1, e
                _log.error("%s [%s]", e, e.code)
            wait_s = self.wait_s(failures, error)
            _log.info("next check in %.0f s", wait_s)
            self._channel_in_s -= wait_s
            stopped = self._surroundings.wait(wait_s)

    def poll(self) -> None:
        """Do what is due now.

        Raises:
            OtaError: it failed; the device is as safe as before.
            AgentStoppedError: the agent was asked to stop.
        """
        # 1. A trial is confirmed, or given up, before anything else; it needs no network
        if self._client.status().phase is Phase.TRIAL:
            self._settle_trial()
        # 2. Without an update server, the channel says what to run
        if self._member is None or self._errand is None:
            self.update()
            return
        self._attend(self._member, self._errand)

    def update(
        self,
        version: Version | None = None,
        *,
        begin: Callable[[Check], None] = lambda _: None,
        end: Callable[[], None] = lambda: None,
    ) -> Check:
        """Install what is offered, and restart; outside the maintenance window, only look.

        Args:
            version: a release; None for the one that is on the device's channel.
            begin: called before anything is written.
            end: called before the restart.

        Raises:
            OtaError: it failed; the device is as safe as before.
            AgentStoppedError: the agent was asked to stop.
        """
        window = self._settings.window
        if window is not None and not window.contains(self._surroundings.local_time()):
            return _log_check(self._client.check(version))
        before = self._client.status().phase

        def approve(check: Check) -> None:
            self._hooks.pre_install(check)
            begin(check)

        check = self._client.install(
            version,
            progress=self._stop_if_asked,
            approve=approve,
            accept=self._hooks.post_write,
        )
        _log_check(check)
        if check.installed and before is not Phase.INSTALLED:
            self._hooks.post_install(check)
        end()
        if check.installed:
            self._hooks.reboot()
        return check

    def wait_s(self, failures: int, error: OtaError | None = None) -> float:
        """How long to wait: the poll interval, doubled by each failure, with jitter."""
        settings = self._settings
        base = float(self._interval_s)
        if failures:
            most = max(settings.backoff_most_s, self._interval_s)
            # the exponent is bounded too: 2.0 ** 1024 is an OverflowError after weeks offline
            doubled = base * 2.0 ** min(failures - 1, 30)
            # who was revoked is heard again when an operator has looked, not when he asks more often
            base = most if isinstance(error, NotAuthorisedError) else min(doubled, most)
        chance = self._surroundings.random()
        asked_s = _retry_after_s(error) * (1 + settings.jitter * chance)
        return max(base * (1 + settings.jitter * (2 * chance - 1)), asked_s)

    def _attend(self, member: FleetMember, errand: Errand) -> None:
        try:
            # 3. Report what has changed, and ask what to do
            answer = errand.check_in()
            self._interval_s = member.wait_s(answer)
        except OtaError:
            self._interval_s = member.settings.check_in_s
            self._follow_channel(member)
            raise
        # 4. Follow it; it is a hint, and verified like anything else (B01)
        assignment = answer.assignment
        if assignment is None:
            self._follow_channel(member)
            return
        with errand.reported(assignment):
            if errand.may_begin(assignment):
                self.update(
                    assignment.version,
                    begin=lambda _: member.downloading(assignment.version),
                    end=member.report,
                )

    def _follow_channel(self, member: FleetMember) -> None:
        """Where nothing is assigned: keep up with the channel, or with its metadata and advisories."""
        if self._channel_in_s > 0:
            return
        self._channel_in_s = self._settings.poll_s
        try:
            if member.settings.follow_channel:
                self.update(end=member.report)
            else:
                _log_check(self._client.check())
        except OtaError as e:
            _log.warning("%s [%s]", e, e.code)

    def _settle_trial(self) -> None:
        try:
            self._hooks.health_check()
        except HookError:
            _log.exception("the running slot is not well; giving it up")
            self._client.mark_bad()
            self._hooks.reboot()
            raise
        status = self._client.mark_good()
        _log.info("release %s is confirmed", status.running)

    def _stop_if_asked(self, _: Progress) -> None:
        if self._surroundings.wait(0):
            raise AgentStoppedError


def _retry_after_s(error: OtaError | None) -> float:
    """For how long a server that has too many askers wants to be left alone; at most a day."""
    asked_s = error.retry_after_s if isinstance(error, HttpStatusError) else None
    return asked_s or 0.0


def _log_check(check: Check) -> Check:
    if check.offered is None:
        _log.info("nothing new: %s runs", check.running)
        return check
    verb = "installed" if check.installed else "offered"
    _log.info("release %s is %s", check.offered.version, verb)
    for advisory in check.advisories:
        _log.warning(
            "security: %s (%s) %s %s", advisory.id, advisory.severity, advisory.summary, advisory.action
        )
    return check
