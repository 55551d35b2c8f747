"""Runs a device's own boot script: no shell, a deadline, a bounded answer."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from select import select
from time import monotonic
from typing import IO, Final, cast

from ota_client.errors import BootControlError

_ANSWER_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class BootScript:
    """A program that speaks the protocol of RAUC's custom boot loader backend.

    https://rauc.readthedocs.io/en/latest/integration.html#custom

    Attributes:
        path: the program.
        deadline_s: how long one call may take.
        environment: what it is given besides its arguments.
    """

    path: str
    deadline_s: int
    environment: Mapping[str, str]

    def __call__(self, *words: str, may_fail: bool = False, **variables: str) -> str:
        """Run the script with these arguments; returns its answer, without blanks around it.

        Args:
            words: the verb, and what goes with it.
            may_fail: whether another exit status than 0 is an answer too, an empty one.
            variables: additions to its environment.

        Raises:
            BootControlError: it cannot be run, fails, takes too long, or answers at too great length.
        """
        ends_at_s = monotonic() + self.deadline_s
        with self._start(words, variables) as process:
            try:
                output = self._answer(process, ends_at_s, words)
                code = process.wait(max(0, ends_at_s - monotonic()))
            except subprocess.TimeoutExpired as e:
                _kill(process)
                raise self._too_slow(words) from e
            except BaseException:
                _kill(process)
                raise
        if code and may_fail:
            return ""
        if code:
            raise BootControlError(f"{self._call(words)}: expected it to end with 0, got {code}")
        return output.decode("ascii", errors="replace").strip()

    def _start(self, words: tuple[str, ...], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 the script is the integrator's own
                [self.path, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env={**self.environment, **variables},
                start_new_session=True,
            )
        except OSError as e:
            raise BootControlError(f"{self._call(words)}: expected to run it, got {e.strerror}") from e

    def _answer(
        self, process: "subprocess.Popen[bytes]", ends_at_s: float, words: tuple[str, ...]
    ) -> bytes:
        output, pipe = b"", cast("IO[bytes]", process.stdout)
        while select([pipe], [], [], max(0, ends_at_s - monotonic()))[0]:
            piece = os.read(pipe.fileno(), _ANSWER_MOST)
            if not piece:
                return output
            output += piece
            if len(output) > _ANSWER_MOST:
                raise BootControlError(
                    f"{self._call(words)}: expected an answer of at most {_ANSWER_MOST} bytes, got more"
                )
        raise self._too_slow(words)

    def _too_slow(self, words: tuple[str, ...]) -> BootControlError:
        return BootControlError(
            f"{self._call(words)}: expected it to end within {self.deadline_s} s, it did not"
        )

    def _call(self, words: tuple[str, ...]) -> str:
        return " ".join((self.path, *words))


def _kill(process: "subprocess.Popen[bytes]") -> None:
    # its children too: a script that hangs most often waits for one
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
