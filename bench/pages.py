"""The dashboard's pages: CPU at many devices beside few, and what they weigh."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from support.postgresql import PostgreSql, postgresql
from support.signing_desk import PRODUCT

from bench import caller
from bench.figure import Figure
from bench.fleet_rows import NEW
from bench.page_sizes import PageSize, page_sizes
from bench.pages_scene import ADVISORY, DEVICE, ROLLOUT, Scene, scene

_BENCH: Final = "pages"
_FEW: Final = 1_000
_MANY: Final = 100_000
_PAGES: Final = {
    "overview": "/",
    "device list": "/devices",
    "rollout page": f"/rollouts/{ROLLOUT}",
    "device page": f"/devices/{DEVICE}",
    "release page": f"/releases/{PRODUCT}/{NEW}",
    "advisory page": f"/advisories/{ADVISORY}",
}
_GROWTH_MOST: Final = 2
_FIRST_MOST_KB: Final = 100
_AFTER_MOST_KB: Final = 20
_KB: Final = 1000
_MS: Final = 1000

# a database and a number of devices; the name of a page
_Key = tuple[str, int]


def measure(folder: Path, *, quick: bool) -> list[Figure]:  # noqa: ARG001 - as all benches
    """Measure pages on both databases, few devices and many; ``quick`` asks less."""
    times, asked = (1, 16) if quick else (5, 48)
    many = 2_000 if quick else _MANY
    with ExitStack() as stack:
        cluster = stack.enter_context(postgresql(fsync=True))
        scenes = {
            (kind, devices): stack.enter_context(scene(url, devices))
            for devices in (_FEW, many)
            for kind, url in (("SQLite", None), ("PostgreSQL", cluster.database()))
        }
        found = _in_turn(scenes, cluster, times, asked)
        sizes = page_sizes(scenes["SQLite", many])
    return [*_growth(found, many), *_weights(sizes)]


def _in_turn(
    scenes: Mapping[_Key, Scene], cluster: PostgreSql, times: int, asked: int
) -> dict[tuple[_Key, str], float]:
    """The median CPU of a page in ms, the server's and PostgreSQL's; all scenes in turn."""
    runs: dict[tuple[_Key, str], list[float]] = {(key, name): [] for key in scenes for name in _PAGES}
    # the first round does not count: it fills caches, and servers that start look at their fleet
    for turn in range(times + 1):
        for name, path in _PAGES.items():
            for key, one in scenes.items():
                database = cluster.cpu_s if key[0] == "PostgreSQL" else _nothing
                spent_s = _cost_s(one, path, asked, database)
                if turn:
                    runs[key, name].append(_MS * spent_s / asked)
    return {key: median(values) for key, values in runs.items()}


def _cost_s(one: Scene, path: str, asked: int, database: Callable[[], float]) -> float:
    requests = [one.request(path) for _ in range(asked)]
    before = one.server.cpu_s() + database()
    caller.over_kept_connections(caller.to_socket(one.socket), requests, at_once=4)
    return float(one.server.cpu_s() + database() - before)


def _nothing() -> float:
    return 0.0


def _growth(found: Mapping[tuple[_Key, str], float], many: int) -> Iterator[Figure]:
    for kind in ("SQLite", "PostgreSQL"):
        for name in _PAGES:
            few_ms, many_ms = found[(kind, _FEW), name], found[(kind, many), name]
            title, peer = f"CPU of the {name} on {kind}, {many:,} devices", f"{_FEW:,} devices"
            yield Figure(_BENCH, title, many_ms, "ms", peer, few_ms, ratio_most=_GROWTH_MOST)


def _weights(sizes: list[PageSize]) -> Iterator[Figure]:
    """Of the largest of them."""
    first = max(sizes, key=lambda one: one.first_bytes)
    after = max(sizes, key=lambda one: one.after_bytes)
    unpacked_kb = after.unpacked_bytes / _KB
    yield Figure(
        _BENCH,
        f"received for the largest of {len(sizes)} pages at first, `{_address(first)}`",
        first.first_bytes / _KB,
        "kB",
        "the page alone",
        first.after_bytes / _KB,
        most=_FIRST_MOST_KB,
    )
    yield Figure(
        _BENCH,
        f"received for the largest of {len(sizes)} pages after that, `{_address(after)}`",
        after.after_bytes / _KB,
        "kB",
        "its HTML unpacked",
        unpacked_kb,
        most=_AFTER_MOST_KB,
    )


def _address(size: PageSize) -> str:
    return size.path.partition("?")[0]
