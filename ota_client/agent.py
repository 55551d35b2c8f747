"""The polling loop: confirm a trial, check, install, wait; with jitter and back-off."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import time

from ota_client.agent_settings import AgentSettings
from ota_client.client import OtaClient
from ota_client.errors import HookError, OtaError
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
    """Keeps one device up to date."""

    def __init__(
        self,
        client: OtaClient,
        settings: AgentSettings,
        hooks: HookRunner,
        surroundings: Surroundings,
    ) -> None:
        self._client, self._settings = client, settings
        self._hooks, self._surroundings = hooks, surroundings

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
            try:
                self.poll()
                failures = 0
            except AgentStoppedError:
                return
            except OtaError as e:
                failures += 1
                _log.error("%s [%s]", e, e.code)
            wait_s = self.wait_s(failures)
            _log.info("next check in %.0f s", wait_s)
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
        # 2. Outside the maintenance window, only look
        window = self._settings.window
        if window is not None and not window.contains(self._surroundings.local_time()):
            _log_check(self._client.check())
            return
        # 3. Install what is offered
        before = self._client.status().phase
        check = self._client.install(
            progress=self._stop_if_asked,
            approve=self._hooks.pre_install,
            accept=self._hooks.post_write,
        )
        _log_check(check)
        if check.installed and before is not Phase.INSTALLED:
            self._hooks.post_install(check)
        if check.installed:
            self._hooks.reboot()

    def wait_s(self, failures: int) -> float:
        """How long to wait: the poll interval, doubled by each failure, with jitter."""
        settings = self._settings
        if failures:
            # the exponent is bounded too: 2.0 ** 1024 is an OverflowError after weeks offline
            doubled = settings.poll_s * 2.0 ** min(failures - 1, 30)
            base = min(doubled, max(settings.backoff_most_s, settings.poll_s))
        else:
            base = settings.poll_s
        return base * (1 + settings.jitter * (2 * self._surroundings.random() - 1))

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


def _log_check(check: Check) -> None:
    if check.offered is None:
        _log.info("nothing new: %s runs", check.running)
        return
    verb = "installed" if check.installed else "offered"
    _log.info("release %s is %s", check.offered.version, verb)
    for advisory in check.advisories:
        _log.warning(
            "security: %s (%s) %s %s", advisory.id, advisory.severity, advisory.summary, advisory.action
        )
