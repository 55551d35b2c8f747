"""Work that time brings, in a thread of its own: it fails into the log, never into the server."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_log = logging.getLogger(__name__)


class Repeated:
    """Calls ``work`` every few seconds from its start to its end, the first time at once.

    Args:
        name: in the log.
        work: what to do; it may raise anything.
        every_s: seconds between the end of one call and the next.
    """

    def __init__(self, name: str, work: Callable[[], object], *, every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # a call under way may finish: it is one short transaction
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        failed = False
        while not self._ended.is_set():
            try:
                self._work()
            except Exception:  # noqa: BLE001 - whatever it is, the server goes on
                # once with all that is known, then briefly until it works again
                _log.error("%s failed; it is tried again", self._name, exc_info=not failed)
                failed = True
            else:
                failed = False
            self._ended.wait(self._every_s)
