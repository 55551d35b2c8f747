"""The device's own commands, run at fixed points of an update."""

import json
import logging
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ota_client.agent_settings import Hooks
from ota_client.errors import HookError, PostponedError
from ota_client.report import Check

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HookRunner:
    """Runs hook commands: no shell, a deadline, facts about the release in the environment."""

    hooks: Hooks
    environment: Mapping[str, str]
    slots: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def pre_install(self, check: Check) -> None:
        """Ask whether to install now; raises ``PostponedError`` when the command says no."""
        try:
            self._run("pre_install", self.hooks.pre_install, check)
        except HookError as e:
            raise PostponedError(str(e)) from e

    def post_write(self, check: Check, slot: str) -> None:
        """Show the slot that was written; raises ``HookError`` when the command does not accept it.

        The images are read back after it: it may look at them, and not change them (C05).
        """
        paths = {
            f"RATCHET_IMAGE_{_variable(image)}": path for image, path in self.slots.get(slot, {}).items()
        }
        self._run("post_write", self.hooks.post_write, check, {"RATCHET_SLOT": slot, **paths})

    def post_install(self, check: Check) -> None:
        """Tell that a release waits for the next boot; a failure is logged, and changes nothing."""
        try:
            self._run("post_install", self.hooks.post_install, check)
        except HookError as e:
            _log.error("%s", e)

    def health_check(self) -> None:
        """Ask whether the running slot is well; raises ``HookError`` when it is not."""
        self._run("health_check", self.hooks.health_check, None)

    def reboot(self) -> None:
        """Restart the device, where a command for it is configured."""
        if not self.hooks.reboot:
            _log.warning("restart the device to start the other slot; no reboot hook is configured")
        self._run("reboot", self.hooks.reboot, None)

    def advisories(self, check: Check) -> None:
        """Hand the security advisories to the device's user interface, as JSON on standard input.

        A failure is logged and does not stop the update: a mended weakness matters more than its
        announcement.
        """
        try:
            self._run("advisories", self.hooks.advisories, check)
        except HookError as e:
            _log.error("%s", e)

    def consent(self, check: Check) -> bool:
        """Ask the owner whether a release may be installed; no command, no consent."""
        try:
            self._run("consent", self.hooks.consent, check)
        except HookError as e:
            _log.info("no consent: %s", e)
            return False
        return bool(self.hooks.consent)

    def attributes(self) -> bytes:
        """What the ``attributes`` command prints; raises ``HookError`` when it fails."""
        return self._run("attributes", self.hooks.attributes, None, prints=True)

    def _run(
        self,
        name: str,
        command: Sequence[str],
        check: Check | None,
        more: Mapping[str, str] = MappingProxyType({}),
        *,
        prints: bool = False,
    ) -> bytes:
        if not command:
            return b""
        offered = check.offered if check else None
        facts = {"RATCHET_HOOK": name, "RATCHET_VERSION": str(offered.version) if offered else ""}
        try:
            done = subprocess.run(  # noqa: S603 the command is the integrator's own
                command,
                input=json.dumps(check.to_fields() if check else {}).encode(),
                env={**self.environment, **facts, **more},
                timeout=self.hooks.deadline_s,
                check=True,
                stdout=subprocess.PIPE if prints else None,
            )
        except subprocess.TimeoutExpired as e:
            raise HookError(
                f"hook {name}: expected {command[0]} to end within {self.hooks.deadline_s} s, it did not"
            ) from e
        except subprocess.CalledProcessError as e:
            raise HookError(
                f"hook {name}: expected {command[0]} to end with 0, got {e.returncode}"
            ) from e
        except OSError as e:
            raise HookError(f"hook {name}: expected to run {command[0]}, got {e.strerror}") from e
        return done.stdout or b""


def _variable(image: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in image.upper())
