"""What a serving process does so that people are told: it sends, and it watches."""

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from ota_client.errors import VerificationError
from ota_server.background import Repeated
from ota_server.catalog import Catalog
from ota_server.database.database import Database
from ota_server.devices import fleet_figures
from ota_server.errors import NotPublishedError, PublishedFolderError
from ota_server.notify import mark
from ota_server.notify.back_off import BackOff
from ota_server.notify.mail import Mails
from ota_server.notify.means import Means
from ota_server.notify.sender import Sender
from ota_server.notify.subscription import Channel
from ota_server.notify.turn import Carrier, Surroundings
from ota_server.notify.watch_certificates import own_certificates, tell_own
from ota_server.notify.watch_devices import find_expiring, find_silent, tell_expiring, tell_silent
from ota_server.notify.watch_published import tell_published
from ota_server.notify.webhook import Webhooks
from ota_server.security.contents import read_new
from ota_server.security.daily import write_history
from ota_server.settings import ServerSettings
from ota_server.settings.operators import OperatorSettings

_log = logging.getLogger(__name__)

_PUBLISHED_S: Final = 15
_DEVICES_S: Final = 300


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def telling(
    settings: ServerSettings,
    operators: OperatorSettings,
    database: Database,
    catalog: Catalog,
    means: Means,
    *,
    clock: Callable[[], datetime] = _now,
) -> Iterator[None]:
    """Send and watch, until the end.

    Args:
        settings: of the server.
        operators: its part about people.
        database: of the fleet.
        catalog: the published releases.
        means: the server's seals.
        clock: UTC.
    """
    rules = operators.notifications
    with ExitStack() as stack:
        sender = stack.enter_context(
            Sender(
                surroundings(operators, database, settings.public_url, clock),
                carriers(operators, means, settings.public_url, clock),
            )
        )
        watch = _Watch(settings, operators, database, catalog, clock)
        for work in (
            Repeated("sending notifications", sender.look, every_s=rules.send_s),
            Repeated("watching the published files", watch.published, every_s=_PUBLISHED_S),
            Repeated("watching devices", watch.devices, every_s=_DEVICES_S),
        ):
            stack.enter_context(work)
        yield


def surroundings(
    operators: OperatorSettings, database: Database, url: str, clock: Callable[[], datetime]
) -> Surroundings:
    """What sending needs."""
    rules = operators.notifications
    return Surroundings(
        database=database,
        back_off=BackOff(rules.retry_first_s, rules.give_up_s),
        clock=clock,
        # chance spreads attempts, it keeps no secret
        chance=random.Random().random,  # noqa: S311 - as said
        url=url,
        is_ending=lambda: False,
    )


def carriers(
    operators: OperatorSettings, means: Means, url: str, clock: Callable[[], datetime]
) -> dict[Channel, Carrier]:
    """How messages go."""
    webhooks = Webhooks(
        means.secrets,
        clock,
        private_networks=operators.notifications.private_networks,
        insecure_http=means.insecure_http,
    )
    mails = Mails(operators.mail, means.unsubscribing, url, clock)
    return {Channel.WEBHOOK: webhooks, Channel.MAIL: mails}


class _Watch:
    """Looks at what time and publishers bring; several processes look, and each thing is told once."""

    def __init__(
        self,
        settings: ServerSettings,
        operators: OperatorSettings,
        database: Database,
        catalog: Catalog,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._rules = operators.notifications
        self._database = database
        self._catalog = catalog
        self._clock = clock
        self._wrong = ""

    def published(self) -> None:
        # read and verified before the transaction, which is to be short
        catalog = self._catalog.held()
        if not self._is_read(catalog):
            return
        now, days = self._clock(), self._rules.expiry_warning_days
        # so that what is told of a release says what it is made of
        read_new(self._database, catalog, now=now)
        with self._database.begin() as connection:
            mark.hold_watch(connection)
            tell_published(connection, catalog, warning_days=days, now=now)

    def _is_read(self, catalog: Catalog) -> bool:
        """Whether there is something to believe; what is wrong is said once."""
        wrong = ""
        try:
            catalog.current()
        except NotPublishedError:
            # a server may wait for its first release
            return False
        except (VerificationError, PublishedFolderError) as e:
            wrong = str(e)
        if wrong and wrong != self._wrong:
            _log.warning("new releases are not told of: %s", wrong)
        self._wrong = wrong
        return not wrong

    def devices(self) -> None:
        now, days = self._clock(), self._rules.expiry_warning_days
        silent_s, own = self._rules.silent_after_s, tuple(own_certificates(self._settings))
        silent_after, warn = timedelta(seconds=silent_s), timedelta(days=days)
        with self._database.read() as connection:
            silent = find_silent(connection, silent_after_s=silent_s, now=now)
            expiring = find_expiring(connection, warning_days=days, now=now)
            # what pages show of all devices
            figures = fleet_figures.count(connection, silent_after=silent_after, warn=warn, now=now)
        with self._database.begin() as connection:
            mark.hold_watch(connection)
            tell_own(connection, own, warning_days=days, now=now)
            tell_expiring(connection, expiring, now=now)
            tell_silent(connection, silent, now=now)
            fleet_figures.remember(connection, figures, now=now)
            write_history(connection, now=now)
