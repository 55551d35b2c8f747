"""What a simulation found, in words and as JSON."""

from dataclasses import dataclass
from typing import Final

from ota_server.simulate.tally import Latencies, Sample, Standing, Tally

_PERCENTILES: Final = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
_NO_ANSWER: Final = 0
_ERROR: Final = 400
_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a simulation.

    Attributes:
        samples: the fleet over time, oldest first.
        verified: releases that a real device verified, unpacked and started.
    """

    tally: Tally
    samples: tuple[Sample, ...]
    verified: int

    @property
    def duration_s(self) -> float:
        """Up to the last look."""
        return self.samples[-1].at_s if self.samples else 0.0

    def to_fields(self) -> dict[str, object]:
        """As JSON fields (docs/reference/ota-server.md)."""
        tally = self.tally
        return {
            "duration_s": round(self.duration_s, 1),
            "devices": {standing.value: tally.standings[standing] for standing in Standing},
            "most_updating": tally.most_updating,
            "requests": tally.requests,
            "retries": tally.retries,
            "unanswered": self._unanswered(),
            "simulated_faults": tally.faults,
            "errors": self._errors(),
            "latency_s": {route: _percentiles(of) for route, of in sorted(tally.latencies.items())},
            "assignments": tally.assignments,
            "reports": {"made": tally.reports, "acknowledged": tally.reports_acknowledged},
            "releases_verified": self.verified,
        }

    def text(self) -> str:
        """In words, with a line for each route."""
        tally = self.tally
        devices = ", ".join(f"{n:,} {_words(s)}" for s in Standing if (n := tally.standings[s]))
        errors = ", ".join(f"{status}: {n:,}" for status, n in self._errors().items())
        lines = [
            f"devices         {devices}",
            f"most updating   {tally.most_updating:,} at once, as the devices saw it",
            f"assignments     {tally.assignments:,} taken",
            f"verified        {self.verified:,} updates, by a device's own code",
            f"reports         {tally.reports:,} made, {tally.reports_acknowledged:,} acknowledged",
            f"requests        {tally.requests:,} in {self.duration_s:.0f} s",
            f"  no answer     {self._unanswered():,}",
            f"  tried again   {tally.retries:,}",
            f"  faults        {tally.faults:,} simulated",
            f"  errors        {errors or 'none'}",
            "",
            "milliseconds       p50      p95      p99",
        ]
        for route, latencies in sorted(tally.latencies.items()):
            cells = "".join(f"{latencies.percentile_s(share) * _MS:9.1f}" for share, _ in _PERCENTILES)
            lines.append(f"{route:14}{cells}")
        return "\n".join(lines)

    def _unanswered(self) -> int:
        return sum(n for (_, status), n in self.tally.answers.items() if status == _NO_ANSWER)

    def _errors(self) -> dict[str, int]:
        errors: dict[str, int] = {}
        for (_, status), count in sorted(self.tally.answers.items()):
            if status >= _ERROR:
                errors[str(status)] = errors.get(str(status), 0) + count
        return errors


def progress_text(sample: Sample) -> str:
    """One line for a terminal."""
    devices = ", ".join(f"{n:,} {_words(s)}" for s, n in sample.devices.items() if n)
    return (
        f"{sample.at_s:4.0f} s  {devices}; {sample.requests_a_s:,.0f} requests/s, "
        f"p99 {sample.p99_s * _MS:.0f} ms"
    )


def _percentiles(latencies: Latencies) -> dict[str, float]:
    return {name: round(latencies.percentile_s(share), 5) for share, name in _PERCENTILES}


def _words(standing: Standing) -> str:
    return standing.value.replace("_", " ")
