"""A check-in of a known device with nothing to do: CPU of the server and of its database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Final

from support.postgresql import PostgreSql, postgresql

from bench import caller, goosebit_poll
from bench.check_in_scene import GROUPS, ROLLOUTS, Scene, scene
from bench.check_in_tls import tls_figures
from bench.figure import Figure

_BENCH: Final = "check-in"
_FEW: Final = 1_000
_MANY: Final = 100_000
_MOST_MS: Final = {"SQLite": 0.15, "PostgreSQL": 0.45}
_GROWTH_MOST: Final = 1.3
_OF_GOOSEBIT_MOST: Final = 0.1
_MS: Final = 1000

# CPU seconds so far
Meter = Callable[[], float]


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure check-ins on both databases, few devices and many; ``quick`` asks less."""
    times, asked = (1, 200) if quick else (7, 4_000)
    many = 2_000 if quick else _MANY
    with ExitStack() as stack:
        cluster = stack.enter_context(postgresql(fsync=True))
        scenes = {
            (kind, devices): stack.enter_context(scene(url, devices))
            for devices in (_FEW, many)
            for kind, url in (("SQLite", None), ("PostgreSQL", cluster.database()))
        }
        found = _in_turn(scenes, cluster, times, asked)
        few = scenes["SQLite", _FEW]
        tls = list(tls_figures(few, folder, _BENCH, found["SQLite", _FEW], quick=quick))
        polls = {
            kind: _goosebit(folder, database, 100 if quick else 1_000)
            for kind, database in (("SQLite", None), ("PostgreSQL", cluster))
        }
    return [*_figures(found, polls, many), *tls]


def _goosebit(folder: Path, cluster: PostgreSql | None, asked: int) -> tuple[str, float | None]:
    """What the peer is, or why there is none; and the CPU of its poll in ms."""
    try:
        poll_ms = goosebit_poll.poll_ms(folder, cluster, asked=asked)
    except goosebit_poll.NoGoosebitError as e:
        return str(e), None
    return f"poll of goosebit {goosebit_poll.VERSION}", poll_ms


def _in_turn(
    scenes: dict[tuple[str, int], Scene], cluster: PostgreSql, times: int, asked: int
) -> dict[tuple[str, int], float]:
    """The median CPU of one check-in in ms; all scenes in turn, as a busy minute is to hit all alike."""
    runs: dict[tuple[str, int], list[float]] = {key: [] for key in scenes}
    # the first round does not count: it fills caches
    for turn in range(times + 1):
        for key, one in scenes.items():
            server: Meter = one.server.cpu_s
            database: Meter = cluster.cpu_s if key[0] == "PostgreSQL" else _nothing
            before = server() + database()
            caller.over_kept_connections(
                caller.to_socket(one.socket), islice(cycle(one.requests), asked)
            )
            if turn:
                runs[key].append(_MS * (server() + database() - before) / asked)
    return {key: median(values) for key, values in runs.items()}


def _nothing() -> float:
    return 0.0


def _figures(
    found: dict[tuple[str, int], float], polls: dict[str, tuple[str, float | None]], many: int
) -> Iterator[Figure]:
    for kind, most in _MOST_MS.items():
        few_ms, many_ms = found[kind, _FEW], found[kind, many]
        peer, poll_ms = polls[kind]
        yield Figure(_BENCH, f"CPU on {kind}, {_FEW:,} devices", few_ms, "ms", peer, poll_ms, most=most)
        yield Figure(
            _BENCH,
            f"the same on {kind}, as a share",
            few_ms,
            "ms",
            peer,
            poll_ms,
            ratio_most=_OF_GOOSEBIT_MOST,
        )
        yield Figure(
            _BENCH,
            f"CPU on {kind}, {many:,} devices, {GROUPS} groups, {ROLLOUTS} rollouts",
            many_ms,
            "ms",
            f"{_FEW:,} devices",
            few_ms,
            ratio_most=_GROWTH_MOST,
        )
