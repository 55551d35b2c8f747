"""The serial line of a guest: what it says is logged, and waited for with a deadline."""

import re
import threading
import time
from pathlib import Path
from typing import BinaryIO, Final

TAIL_LINES: Final = 40
_ESCAPES: Final = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\r")


class ConsoleError(AssertionError):
    """The guest did not say what was expected; its last lines follow."""


class SerialConsole:
    """Reads a guest's serial output in a thread of its own.

    Args:
        output: where the guest's bytes come from, until it ends.
        log: gets all of them.
        reset: counted whenever it is seen, such as the boot loader's banner.
        most_resets: the guest hangs in a loop of resets when it is passed.
    """

    def __init__(self, output: BinaryIO, log: Path, *, reset: bytes, most_resets: int) -> None:
        self._output, self._log = output, log
        self._reset, self._most_resets = reset, most_resets
        self._text, self._from = b"", 0
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def resets(self) -> int:
        """How often the boot loader has started."""
        with self._news:
            return self._text.count(self._reset)

    def expect(self, pattern: str, *, deadline_s: float) -> re.Match[str]:
        """Wait for a pattern behind what was found before.

        Raises:
            ConsoleError: it does not come, the guest ends, or it resets for ever.
        """
        wanted = re.compile(pattern.encode(), re.MULTILINE)
        until = time.monotonic() + deadline_s
        with self._news:
            while not (found := wanted.search(self._text, self._from)):
                left_s = until - time.monotonic()
                if self._ended or left_s <= 0 or self._text.count(self._reset) > self._most_resets:
                    raise ConsoleError(self._failure(pattern, left_s))
                self._news.wait(left_s)
            self._from = found.end()
        return re.match(pattern, found.group().decode(errors="replace"), re.MULTILINE)

    def since(self, mark: int) -> str:
        """Everything that was said from ``mark`` up to what was found last."""
        with self._news:
            return self._text[mark : self._from].decode(errors="replace")

    @property
    def mark(self) -> int:
        """Where the next search begins."""
        return self._from

    def finish(self) -> None:
        """Wait for the end of the output."""
        self._thread.join(10)

    def _read(self) -> None:
        with self._log.open("ab") as log:
            while piece := self._output.read1(65536):
                log.write(piece)
                log.flush()
                with self._news:
                    self._text += _ESCAPES.sub(b"", piece)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _failure(self, pattern: str, left_s: float) -> str:
        why = "the guest ended" if self._ended else "it resets for ever" if left_s > 0 else "time is up"
        tail = self._text.decode(errors="replace").splitlines()[-TAIL_LINES:]
        shown = "\n    ".join(line for line in tail if line.strip())
        return (
            f"expected the guest to say {pattern!r}, but {why}; all of it is in {self._log}\n    {shown}"
        )
