"""What one simulated device has to tell, and what the server has acknowledged of it."""

from dataclasses import dataclass, field

from ota_client import protocol
from ota_client.protocol import Report


@dataclass(slots=True)
class ReportQueue:
    """A queue like a device's own: numbered, kept until acknowledged, sent again until then.

    Attributes:
        stream: the queue's name, 32 hexadecimal digits.
        waiting: not acknowledged yet, in order.
        acknowledged: what the server says that it has counted; it must never lose one of these.
    """

    stream: str
    next_sequence: int = 1
    waiting: list[Report] = field(default_factory=list)
    acknowledged: list[Report] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Queue a report; it carries ``next_sequence``."""
        self.waiting.append(report)
        self.next_sequence = report.sequence + 1

    def batch(self) -> tuple[Report, ...]:
        """What to send now."""
        return tuple(self.waiting[: protocol.REPORTS_MOST])

    def accept(self, sequence: int) -> int:
        """The server has counted all up to ``sequence``; how many of these were new to us."""
        done = [report for report in self.waiting if report.sequence <= sequence]
        self.waiting = self.waiting[len(done) :]
        self.acknowledged += done
        return len(done)
