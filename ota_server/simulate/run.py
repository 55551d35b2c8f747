"""One simulation, from what was asked for to its summary."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ota_client.errors import ConfigError
from ota_client.network.settings import HttpSettings
from ota_server.simulate.behaviour import Behaviour
from ota_server.simulate.fleet import Fleet, FleetPlan
from ota_server.simulate.summary import Summary
from ota_server.simulate.tally import Sample
from ota_server.simulate.verdicts import Repository, Verdicts
from ota_server.simulate.wire import SocketWire, TlsWire, Wire

_TOKEN_LONGEST: Final = 512
_ROOT_MOST_BYTES: Final = 512_000
_FIRST_ROOT: Final = "metadata/1.root.json"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server is, and what lets simulated devices in.

    Attributes:
        urls: ``https://`` addresses of its processes, or of a proxy; devices speak mutual TLS.
        sockets: in place of urls, the Unix sockets that it has for its proxy.
        ca_file: the authorities of the server's certificate, PEM; None means the operating system's.
        token: for enrolment.
        repository: address or published folder; None means the server itself.
        root: the root that devices pin; None means the first that is published.
        when_enrolled: called when every device has enrolled.
    """

    urls: tuple[str, ...]
    sockets: tuple[Path, ...]
    ca_file: Path | None
    token: str
    repository: str | Path | None = None
    root: Path | None = None
    when_enrolled: Callable[[], None] = lambda: None

    def wire(self) -> Wire:
        """The way to the server.

        Raises:
            ConfigError: an address is none, or the authorities cannot be read.
        """
        if self.sockets:
            return SocketWire(self.sockets)
        return TlsWire(self.urls, _read(self.ca_file, "--ca-file") if self.ca_file else None)

    def releases(self) -> Repository:
        """The releases, as devices see them.

        Raises:
            ConfigError: a file cannot be read, or no repository is named.
            FetchError: the server does not serve the first root.
        """
        place = self.repository or next(iter(self.urls), None)
        if place is None:
            raise ConfigError(
                "expected --repository with --through-proxy-socket: the published folder, or an address"
            )
        network = f'ca_file = "{self.ca_file.absolute()}"\n' if self.ca_file else ""
        if isinstance(place, str):
            place = f"{place.rstrip('/')}/"
        return Repository(self._pinned(place), place, network)

    def _pinned(self, place: str | Path) -> bytes:
        if self.root is not None:
            return _read(self.root, "--root").encode()
        if isinstance(place, Path):
            return _read(place / _FIRST_ROOT, "--repository").encode()
        from ota_client.fetch import HttpFetcher  # noqa: PLC0415 - a folder needs no network

        with HttpFetcher(HttpSettings(ca_file=self.ca_file)) as fetcher:
            return fetcher.get(place + _FIRST_ROOT, max_bytes=_ROOT_MOST_BYTES)


def simulate(
    target: Target,
    plan: FleetPlan,
    behaviour: Behaviour,
    *,
    verify_all: bool,
    on_sample: Callable[[Sample], None],
) -> Summary:
    """Run a simulation until its plan's end, or SIGINT or SIGTERM.

    Raises:
        ConfigError: the target is not complete, or a file cannot be read.
        FetchError: the server does not serve the first root.
    """
    wire, repository = target.wire(), target.releases()

    async def run(folder: Path) -> Summary:
        verdicts = Verdicts(repository, folder, clock=_now, each=verify_all)
        fleet = Fleet(plan, behaviour, wire, target.token, verdicts, _now)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, fleet.stop)
        return await fleet.run(on_sample, target.when_enrolled)

    with TemporaryDirectory(prefix="ota-simulate-") as folder:
        return asyncio.run(run(Path(folder)))


def read_token(file: Path | None, variable: str | None) -> str:
    """The enrolment token, from a file or a variable; never from an argument.

    Raises:
        ConfigError: there is none: no device enrols without (B04).
    """
    token = (_read(file, "--token-file") if file else variable or "").strip()
    if not token or len(token) > _TOKEN_LONGEST or not token.isprintable():
        raise ConfigError(
            "expected an enrolment token in --token-file or OTA_SERVER_SIMULATE_TOKEN, got none; "
            "`ota-server token issue` makes one, with as many uses as there are devices"
        )
    return token


def _now() -> datetime:
    return datetime.now(UTC)


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is no text"
        raise ConfigError(f"{what} {path} cannot be read: {reason}") from e
