"""The ``[agent]`` and ``[hooks]`` tables: how the agent polls, and the device's own commands."""

import re
from dataclasses import dataclass
from datetime import time
from typing import Final, Self

from ota_client.formats.strict import Fields

_WINDOW: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_COMMAND_WORDS_MOST: Final = 64
_DAY_S: Final = 86_400
_LONGEST_S: Final = 30 * _DAY_S


@dataclass(frozen=True, slots=True)
class Window:
    """The hours in which the agent may install, in local time; it may span midnight."""

    start: time
    end: time

    def contains(self, moment: time) -> bool:
        """Whether ``moment`` lies in the window; the end is outside."""
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How the agent polls.

    Attributes:
        poll_s: between two checks.
        jitter: share of ``poll_s`` by which each wait is shortened or lengthened at random, so that a
            fleet does not ask all at once.
        backoff_most_s: the longest wait after failures; each failure doubles the wait.
        window: when to install; None means at any time.
    """

    poll_s: int = 3600
    jitter: float = 0.25
    backoff_most_s: int = 6 * 3600
    window: Window | None = None

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Take the settings from the ``[agent]`` table."""
        defaults = cls()
        settings = cls(
            poll_s=table.count("poll_s", defaults.poll_s, most=_LONGEST_S),
            backoff_most_s=table.count("backoff_most_s", defaults.backoff_most_s, most=_LONGEST_S),
            window=table.given("window", lambda name: table.parsed(name, _parse_window), None),
        )
        table.finish()
        return settings


@dataclass(frozen=True, slots=True)
class Hooks:
    """Commands of the device's own, each a list of words; none is run by a shell.

    Attributes:
        pre_install: may refuse an installation by its exit status.
        post_write: when a slot is written, before it is read back and activated; may refuse.
        post_install: after activation.
        reboot: restarts the device, after activation and after a trial was given up.
        health_check: must succeed before the running slot is marked good.
        advisories: gets the security advisories as JSON on its standard input.
        consent: asks the owner whether to install what the update server wants to be agreed to.
        attributes: prints attributes for the update server, a JSON object.
        deadline_s: how long each may take.
    """

    pre_install: tuple[str, ...] = ()
    post_write: tuple[str, ...] = ()
    post_install: tuple[str, ...] = ()
    reboot: tuple[str, ...] = ()
    health_check: tuple[str, ...] = ()
    advisories: tuple[str, ...] = ()
    consent: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    deadline_s: int = 300

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Take the settings from the ``[hooks]`` table."""

        def command(name: str) -> tuple[str, ...]:
            return table.given(name, lambda name: table.texts(name, most=_COMMAND_WORDS_MOST), ())

        hooks = cls(
            pre_install=command("pre_install"),
            post_write=command("post_write"),
            post_install=command("post_install"),
            reboot=command("reboot"),
            health_check=command("health_check"),
            advisories=command("advisories"),
            consent=command("consent"),
            attributes=command("attributes"),
            deadline_s=table.count("deadline_s", cls().deadline_s, most=_DAY_S),
        )
        table.finish()
        return hooks


def _parse_window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(f"expected hours such as 02:00-05:00, got {text[:40]!r}")
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    return Window(time(start_hour, start_minute), time(end_hour, end_minute))
