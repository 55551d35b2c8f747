"""What Prometheus reads (docs/reference/metrics.md). No label is made from what a client sends.

Counted in plain dictionaries, by the event loop alone: the library's own counters cost a tenth of a
check-in.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ota_client.protocol import ReportState
from ota_server.checkin.check_in import Outcome
from ota_server.checkin.lookup import CheckInLookup
from ota_server.checkin.rollout_counts import rollout_counts
from ota_server.database.database import Database

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# upper bounds of the buckets; a last one has what took longer
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0)
T = TypeVar("T")
_BOUNDS: Final = (*map(str, _SECONDS), "+Inf")


class Metrics(Collector):
    """The counters of this process; each process of a server has its own."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._check_ins: Counter[Outcome] = Counter(dict.fromkeys(Outcome, 0))
        self._reports: Counter[ReportState] = Counter(dict.fromkeys(ReportState, 0))
        self._certificates: Counter[str] = Counter()
        self._database_errors = 0
        self._took: dict[str, list[int]] = {}
        self._took_s: Counter[str] = Counter()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def watch(self, database: Database, lookup: CheckInLookup) -> None:
        """Show the fleet too: its rollouts, and what waits to be written."""
        self._registry.register(_Fleet(database, lookup))

    def request(self, route: str, status: int) -> None:
        """Count a request; ``route`` is one of ours, never a path that came."""
        self._requests[route, status] += 1

    def took(self, route: str, seconds: float) -> None:
        """Count how long a request took."""
        counts = self._took.setdefault(route, [0] * len(_BOUNDS))
        counts[bisect_left(_SECONDS, seconds)] += 1
        # a float in what counts: mypy does not know that it may
        self._took_s[route] += seconds  # type: ignore[assignment]

    def check_in(self, outcome: Outcome) -> None:
        """Count a check-in."""
        self._check_ins[outcome] += 1

    def reports(self, states: Iterable[ReportState]) -> None:
        """Count reports."""
        self._reports.update(states)

    def certificate(self, kind: str) -> None:
        """Count a certificate made: ``enrolled`` or ``renewed``."""
        self._certificates[kind] += 1

    def database_error(self) -> None:
        """Count a request that the database failed."""
        self._database_errors += 1

    def render(self) -> bytes:
        """All of it as text; asks the database, so in a thread.

        Raises:
            DatabaseUnavailableError: it does not answer.
        """
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """This process's counters, for the registry."""
        requests = _counter("requests", "Requests answered.", "route", "status")
        for (route, status), count in self._requests.copy().items():
            requests.add_metric((route, str(status)), count)
        errors = _counter("database_errors", "Requests of devices that the database failed.")
        errors.add_metric((), self._database_errors)
        yield requests
        yield from (
            _counted("check_ins", "Check-ins, by what came of them.", "outcome", self._check_ins),
            _counted("reports", "Reports counted, each once.", "state", self._reports),
            _counted("certificates", "Certificates of devices made.", "kind", self._certificates),
        )
        yield errors
        yield self._histogram()

    def _histogram(self) -> Metric:
        family = HistogramMetricFamily(
            "ota_server_request_seconds", "Time to answer, of the device API.", labels=("route",)
        )
        for route, counts in self._took.copy().items():
            buckets = list(zip(_BOUNDS, accumulate(counts), strict=True))
            family.add_metric((route,), buckets, self._took_s[route])
        return family


class _Fleet(Collector):
    """What the database counts, read when Prometheus asks."""

    def __init__(self, database: Database, lookup: CheckInLookup) -> None:
        self._database = database
        self._lookup = lookup

    def describe(self) -> Iterator[Metric]:
        """Nothing: to be registered must not ask the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Read the rollouts that are not over, and what waits."""
        labels = ("product", "rollout")
        in_flight = _gauge("rollout_in_flight", "Devices that update now.", *labels)
        limit = _gauge("rollout_in_flight_limit", "Devices that may update at once.", *labels)
        wave = _gauge("rollout_wave", "The last wave that is open.", *labels)
        running = _gauge("rollout_running", "1 running, 0 paused or halted.", *labels)
        answered = _gauge("rollout_devices", "Devices by how they ended.", *labels, "state")
        with self._database.read() as connection:
            counts = rollout_counts(connection)
        for one in counts:
            names = (one.product, one.name)
            in_flight.add_metric(names, one.in_flight)
            limit.add_metric(names, one.max_in_flight)
            wave.add_metric(names, one.wave)
            running.add_metric(names, int(one.is_running))
            for state, count in one.ended.items():
                answered.add_metric((*names, state), count)
        waiting = _gauge("last_seen_waiting", "Devices whose last check-in is not yet written.")
        waiting.add_metric((), self._lookup.unwritten)
        yield from (in_flight, limit, wave, running, answered, waiting)


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"ota_server_{name}", text, labels=labels)


def _counted(name: str, text: str, label: str, counts: Mapping[T, int]) -> CounterMetricFamily:
    family = _counter(name, text, label)
    for key, count in dict(counts).items():
        family.add_metric((str(key),), count)
    return family


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ota_server_{name}", text, labels=labels)
