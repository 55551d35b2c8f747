"""The options of ``ota-server simulate``, gathered into what the simulation takes."""

import inspect
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ota_client.errors import ConfigError
from ota_client.formats.strict import NAME_RULE, is_name
from ota_client.formats.version import Version
from ota_server.cli.group import FILE, Command
from ota_server.cli.options import VERSION, Parsed
from ota_server.simulate.behaviour import Behaviour

if TYPE_CHECKING:
    from ota_server.simulate.fleet import FleetPlan
    from ota_server.simulate.run import Target

_SECONDS: Final = click.FloatRange(0)
_SOCKET: Final = click.Path(dir_okay=False, path_type=Path)
_NUMBER_DIGITS: Final = 6
_TOKEN_VARIABLE: Final = "OTA_SERVER_SIMULATE_TOKEN"  # noqa: S105 - its name alone


def _share(text: str) -> float:
    with suppress(ValueError):
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if 0 <= share <= 1:
            return share
    raise ValueError(f"expected a share such as 3% or 0.03, got {text[:40]!r}")


_SHARE: Final = Parsed("share", _share)


def _gathered(
    into: str, make: Callable[..., object], *options: Callable[[Command], Command]
) -> Callable[[Command], Command]:
    """Add options that reach the command as one object: what ``make`` makes of them."""
    names = inspect.signature(make).parameters

    def add(command: Command) -> Command:
        @wraps(command)
        def run(*arguments: object, **given: object) -> None:
            made = make(**{name: given.pop(name) for name in names})
            command(*arguments, **given, **{into: made})

        for option in reversed(options):
            option(run)
        return run

    return add


def _target(
    *,
    urls: tuple[str, ...],
    sockets: tuple[Path, ...],
    own_server: bool,
    ca_file: Path | None,
    token_file: Path | None,
    repository: str | None,
    root: Path | None,
) -> "Target | None":
    from ota_server.simulate.run import Target, read_token  # noqa: PLC0415 - help must start fast

    if [bool(urls), bool(sockets), own_server].count(True) != 1:
        raise click.UsageError("expected one of --url, --through-proxy-socket and --own-server")
    if own_server:
        return None
    token = read_token(token_file, os.environ.get(_TOKEN_VARIABLE))
    is_address = repository is None or repository.startswith(("https://", "http://"))
    place = repository if is_address else Path(repository or "")
    return Target(urls, sockets, ca_file, token, place, root)


def _plan(
    *,
    devices: int,
    product: str,
    hardware_id: str,
    version: Version,
    rollback_index: int,
    prefix: str | None,
    seed: int,
    duration_s: float,
    quiet_s: float | None,
    connections: int,
) -> "FleetPlan":
    from ota_server.simulate.fleet import FleetPlan  # noqa: PLC0415 - help must start fast
    from ota_server.simulate.verdicts import Start  # noqa: PLC0415 - as above

    prefix = f"sim-{secrets.token_hex(3)}-" if prefix is None else prefix
    if not is_name(f"{prefix}{'0' * _NUMBER_DIGITS}"):
        raise ConfigError(f"--prefix: expected the beginning of a name of {NAME_RULE}, got {prefix!r}")
    start = Start(product, hardware_id, version, rollback_index)
    return FleetPlan(devices, start, prefix, seed, duration_s, quiet_s, connections)


def _behaviour(
    *,
    failure_share: float,
    fall_back_share: float,
    offline_share: float,
    network_fault_share: float,
    bad_versions: tuple[Version, ...],
    download_s: float,
    boot_s: float,
    offline_s: float,
    time_factor: float,
) -> Behaviour:
    return Behaviour(
        failure_share=failure_share,
        fall_back_share=fall_back_share,
        offline_share=offline_share,
        bad_versions=frozenset(bad_versions),
        network_fault_share=network_fault_share,
        download_s=download_s,
        boot_s=boot_s,
        offline_s=offline_s,
        time_factor=time_factor,
    )


target_options = _gathered(
    "target",
    _target,
    click.option("--url", "urls", multiple=True, help="The server, https://...; several take turns."),
    click.option(
        "--through-proxy-socket",
        "sockets",
        type=_SOCKET,
        multiple=True,
        help="In place of --url: its Unix socket for a proxy; run this as the proxy's user.",
    ),
    click.option("--own-server", is_flag=True, help="Start a server in a temporary folder, to look at."),
    click.option("--ca-file", type=FILE, help="The authority of the server's certificate, PEM."),
    click.option("--token-file", type=FILE, help=f"The enrolment token; or in {_TOKEN_VARIABLE}."),
    click.option("--repository", help="Address or folder of the releases.  [default: the server]"),
    click.option("--root", type=FILE, help="The root to pin.  [default: the first that is published]"),
)

plan_options = _gathered(
    "plan",
    _plan,
    click.option(
        "--devices", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many."
    ),
    click.option("--product", default="gateway", show_default=True, help="Of all the devices."),
    click.option("--hardware-id", default="gw-rev2", show_default=True, help="Their board."),
    click.option("--version", type=VERSION, default="0.0.0", show_default=True, help="What they run."),
    click.option(
        "--rollback-index",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Their stored one.",
    ),
    click.option("--prefix", help="What their ids begin with.  [default: sim- and a random word]"),
    click.option("--seed", type=int, default=1, show_default=True, help="Of all that is drawn."),
    click.option(
        "--duration",
        "duration_s",
        type=_SECONDS,
        default=600.0,
        show_default=True,
        help="Seconds until it ends.",
    ),
    click.option(
        "--quiet", "quiet_s", type=_SECONDS, help="End after so many seconds without a change."
    ),
    click.option(
        "--connections",
        type=click.IntRange(1),
        default=200,
        show_default=True,
        help="Devices connected at once.",
    ),
)

behaviour_options = _gathered(
    "behaviour",
    _behaviour,
    click.option("--failure-share", type=_SHARE, default="0%", help="Installations that fail: 3%."),
    click.option("--fall-back-share", type=_SHARE, default="0%", help="First boots that fall back."),
    click.option("--offline-share", type=_SHARE, default="0%", help="Updates in which it vanishes."),
    click.option(
        "--network-faults",
        "network_fault_share",
        type=_SHARE,
        default="0%",
        help="Requests that get lost, or arrive twice.",
    ),
    click.option(
        "--bad-version",
        "bad_versions",
        type=VERSION,
        multiple=True,
        help="A release that never comes up; may be repeated.",
    ),
    click.option("--download-s", type=_SECONDS, default=60.0, show_default=True, help="Of a download."),
    click.option("--boot-s", type=_SECONDS, default=30.0, show_default=True, help="Of a restart."),
    click.option(
        "--offline-s",
        type=_SECONDS,
        default=3600.0,
        show_default=True,
        help="Until one that vanished is back.",
    ),
    click.option(
        "--time-factor",
        type=click.FloatRange(0.01, 100_000),
        default=1.0,
        show_default=True,
        help="Simulated seconds in a second; check-ins come faster, too.",
    ),
)
