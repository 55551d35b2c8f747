"""One serving process: the application, and for a fleet its database and what time brings."""

import pwd
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Self

from ota_client.errors import ConfigError
from ota_server.background import Repeated
from ota_server.checkin.check_in import Pace
from ota_server.checkin.opening import lookup_for
from ota_server.database.database import Database
from ota_server.database.opening import opened
from ota_server.devices.authority import DeviceAuthority
from ota_server.files.opening import open_store
from ota_server.notify.means import Means
from ota_server.notify.running import telling
from ota_server.privacy.running import retaining
from ota_server.rollouts.penalty import FleetRules
from ota_server.rollouts.stepping import step
from ota_server.settings import FleetSettings, IdentitySource, OperatorSettings, ServerSettings
from ota_server.web.app import catalog_of, make_app
from ota_server.web.device_api import FleetParts
from ota_server.web.peer import NativePeers, NoPeers, PeerSource, ProxyPeers
from ota_server.web.rates import Rates


class Service:
    """What ``serve`` runs.

    Attributes:
        app: answers requests.
        client_authorities: whose client certificates TLS asks for, PEM; None asks for none.
    """

    def __init__(self, settings: ServerSettings, fleet: FleetParts | None) -> None:
        self.app = make_app(settings, fleet=fleet)
        self.client_authorities: str | None = None
        self._lookup = fleet.lookup if fleet else None
        if fleet and isinstance(fleet.peers, NativePeers):
            self.client_authorities = fleet.authority.anchors.pem()

    @classmethod
    @contextmanager
    def opened(cls, settings: ServerSettings, now: datetime) -> Iterator[Self]:
        """Open what the settings name, and begin to look after rollouts.

        Raises:
            ConfigError: the device authority, the proxy's account or the bucket cannot be used.
            SchemaError: the database was made by an older or newer version.
            DatabaseUnavailableError: the database does not answer.
        """
        with ExitStack() as stack:
            parts = None
            if settings.fleet is not None:
                database = stack.enter_context(opened(settings.fleet.database))
                parts = _parts(settings.fleet, database, now)
            service = cls(settings, parts)
            if settings.fleet is not None:
                work = Repeated(
                    "stepping rollouts", lambda: _step(database), every_s=settings.fleet.step_s
                )
                stack.enter_context(work)
                stack.enter_context(retaining(settings, database))
                if settings.operators is not None:
                    stack.enter_context(_telling(settings, settings.operators, database))
            yield service

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While requests are answered; at the end, what was noted of check-ins is written."""
        if self._lookup is None:
            yield
            return
        await self._lookup.open()
        try:
            yield
        finally:
            await self._lookup.close()


def _telling(
    settings: ServerSettings, operators: OperatorSettings, database: Database
) -> AbstractContextManager[None]:
    catalog = catalog_of(settings, open_store(settings.published, settings.bucket))
    return telling(settings, operators, database, catalog, Means.load(operators))


def _step(database: Database) -> None:
    with database.begin() as connection:
        step(connection, now=datetime.now(UTC))


def _parts(fleet: FleetSettings, database: Database, now: datetime) -> FleetParts:
    authority = DeviceAuthority.load(
        fleet.authority,
        fleet.authority_key,
        factories=fleet.factory_authorities,
        lifetime=timedelta(days=fleet.certificate_days),
        now=now,
    )
    # chance spreads devices, it keeps no secret
    pace = Pace(fleet.check_in_s, fleet.check_in_jitter, random.Random().random)  # noqa: S311 - as said
    return FleetParts(
        database=database,
        lookup=lookup_for(database),
        peers=_peers(fleet, authority),
        authority=authority,
        pace=pace,
        rules=FleetRules(fleet.penalty_failures, fleet.penalty_within_s, fleet.penalty_s),
        rates=Rates(
            device=fleet.device_requests_a_minute,
            address=fleet.address_requests_a_minute,
            enrolment=fleet.enrolments_a_minute,
        ),
    )


def _peers(fleet: FleetSettings, authority: DeviceAuthority) -> PeerSource:
    def clock() -> datetime:
        return datetime.now(UTC)

    match fleet.identity:
        case IdentitySource.NATIVE:
            return NativePeers(authority.anchors, clock)
        case IdentitySource.PROXY:
            return ProxyPeers(authority.anchors, clock, uid=_uid_of(fleet.proxy_user))
        case IdentitySource.NONE:
            return NoPeers()


def _uid_of(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError as e:
        raise ConfigError(f"proxy.user: expected an account of this machine, got {user!r}") from e
