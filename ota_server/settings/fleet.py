"""The ``[devices]``, ``[proxy]`` and ``[fleet]`` tables: who a device is, how the fleet is treated."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from ota_server.settings.sources import Layers

_DAY_S: Final = 86_400
_LONGEST_S: Final = 30 * _DAY_S
_SQLITE: Final = "sqlite:///"


class IdentitySource(StrEnum):
    """Who vouches for a device's certificate."""

    # nobody: every device route denies (B14)
    NONE = "none"
    # this server speaks TLS with the device itself
    NATIVE = "native"
    # a proxy on the Unix socket did, and hands the certificate on
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """Settings of the fleet; docs/reference/server-settings.md explains each.

    Attributes:
        database: an address as ``ota_server.database.Database`` takes it; SQLite's path is absolute.
        authority: the device authority's certificate, PEM: signs devices' certificates.
        authority_key: its unencrypted key, PEM.
        factory_authorities: certificates of authorities whose devices may enrol without a token.
        identity: who vouches for a device's certificate.
        proxy_user: the account that the proxy runs as; nobody else is believed on the socket.
        check_in_s: how often a device is asked to come.
        check_in_jitter: share of ``check_in_s`` by which each device's time differs.
        certificate_days: how long a device's certificate is valid.
        penalty_failures: so many failures within ``penalty_within_s``, and a device is offered nothing
            for ``penalty_s``.
        device_requests_a_minute: of one device, over time.
        address_requests_a_minute: of one network address.
        enrolments_a_minute: attempts of one network address.
        step_s: how often rollouts are looked at for what time brings.
        root: the TUF root by which releases are believed; None means the first that is published.
    """

    database: str
    authority: Path
    authority_key: Path
    factory_authorities: tuple[Path, ...] = ()
    identity: IdentitySource = IdentitySource.NONE
    proxy_user: str = "www-data"
    check_in_s: int = 300
    check_in_jitter: float = 0.1
    certificate_days: int = 365
    penalty_failures: int = 3
    penalty_within_s: int = _DAY_S
    penalty_s: int = _DAY_S
    device_requests_a_minute: int = 120
    address_requests_a_minute: int = 6000
    enrolments_a_minute: int = 60
    step_s: int = 5
    root: Path | None = None

    @classmethod
    def read(cls, layers: Layers) -> Self | None:
        """Take the fleet's settings; None where no database is named: files only.

        Raises:
            ConfigError: a setting is wrong.
        """
        database = layers.given("database", lambda _: _database(layers), "")
        devices, fleet, proxy = (layers.table(name) for name in ("devices", "fleet", "proxy"))
        defaults = cls(database, Path("device-ca.pem"), Path("device-ca.key"))

        def count(name: str, *, most: int = _LONGEST_S) -> int:
            return fleet.count(name, int(getattr(defaults, name)), most=most)

        settings = cls(
            database=database,
            authority=devices.given("authority", devices.path, defaults.authority),
            authority_key=devices.given("authority_key", devices.path, defaults.authority_key),
            factory_authorities=devices.given("factory_authorities", devices.paths, ()),
            identity=devices.given("identity", lambda _: _identity(devices), defaults.identity),
            proxy_user=proxy.given("user", proxy.text, defaults.proxy_user),
            check_in_s=count("check_in_s"),
            check_in_jitter=fleet.given("check_in_jitter", fleet.share, defaults.check_in_jitter),
            certificate_days=count("certificate_days", most=3652),
            penalty_failures=count("penalty_failures", most=1000),
            penalty_within_s=count("penalty_within_s"),
            penalty_s=count("penalty_s"),
            device_requests_a_minute=count("device_requests_a_minute"),
            address_requests_a_minute=count("address_requests_a_minute"),
            enrolments_a_minute=count("enrolments_a_minute"),
            step_s=count("step_s", most=600),
            root=layers.given("root", layers.path, None),
        )
        return settings if database else None


def _identity(devices: Layers) -> IdentitySource:
    text = devices.text("identity")
    if text not in set(IdentitySource):
        devices.fail("identity", " or ".join(IdentitySource), text)
    return IdentitySource(text)


def _database(layers: Layers) -> str:
    """An address in which SQLite's path is absolute: commands are called from anywhere."""
    url = layers.text("database") or layers.fail("database", "sqlite:///fleet.db or another address", "")
    if not url.startswith(_SQLITE):
        return url
    return _SQLITE + str((layers.folder_of("database") / url.removeprefix(_SQLITE)).absolute())
