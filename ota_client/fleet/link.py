"""The connection to the update server: made anew with each new certificate, which is renewed in time."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ota_client.errors import OtaError
from ota_client.fleet.identity import Identity
from ota_client.fleet.server import UpdateServer
from ota_client.network.fetcher import Line

if TYPE_CHECKING:
    from ota_client.fleet.enrolment import Certificate

_log = logging.getLogger(__name__)


class ServerLink:
    """This device's connection.

    Args:
        identity: whose certificate is shown.
        connect: makes a line that shows the certificate of a file, and uses the key in it or beside it.
        url: of the server.
    """

    def __init__(
        self, identity: Identity, connect: Callable[[Path | None, Path | None], Line], url: str
    ) -> None:
        self._identity, self._connect, self._url = identity, connect, url
        self._shown: Path | None = None
        self._server: UpdateServer | None = None
        self._not_again: Path | None = None

    def server(self) -> UpdateServer:
        """The server, by the newest certificate; raises ``NotAuthorisedError`` where there is none."""
        file = self._identity.file
        if self._server is None or file != self._shown:
            self._server = UpdateServer(self._connect(file, None), self._url)
            self._shown = file
        return self._server

    def renew_if_due(self, now: datetime) -> None:
        """Renew the certificate in the last third of its life; a failure is logged, and tried again."""
        file = self._identity.file
        if file == self._not_again or now < self._certificate().renewal_at:
            return
        from ota_client.fleet.enrolment import renew  # noqa: PLC0415 cryptography is large

        try:
            renewed = renew(self.server(), self._identity)
        except OtaError as e:
            _log.warning("the device's certificate could not be renewed: %s [%s]", e, e.code)
            return
        _log.info("the device's certificate is renewed, to %s", renewed.expires_at)
        if now >= renewed.renewal_at:
            # a clock that is ahead of the server's would have it renewed at each check-in
            _log.warning("the new certificate seems old at once: is the clock right?")
            self._not_again = self._identity.file

    def _certificate(self) -> "Certificate":
        from ota_client.fleet.enrolment import read_certificate  # noqa: PLC0415 cryptography is large

        return read_certificate(self._identity.read())
