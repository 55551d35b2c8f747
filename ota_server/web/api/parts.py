"""What the operator API is made of."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ota_server.catalog import Catalog
from ota_server.database.database import Database
from ota_server.notify.means import Means
from ota_server.web.peer import PeerSource
from ota_server.web.rates import AddressRate, RateLimit

# of one token, and of one address: a page of a program's own asks a few times a second
_REQUESTS_A_MINUTE: Final = 600
_STREAMS_MOST: Final = 32


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the operator API is made of.

    Attributes:
        catalog: the published releases.
        peers: tells which address a request came from.
        means: what subscriptions are made with; None without the server's own key.
        public_url: under which people reach the server.
        token_rate: how often one token may ask.
        address_rate: how often one address may.
        clock: UTC.
        monotonic: seconds.
        look_s: how often a stream looks for events.
        streams_most: event streams at a time, of all together.
    """

    database: Database
    catalog: Catalog
    peers: PeerSource
    means: Means | None = None
    public_url: str = ""
    token_rate: RateLimit = field(default_factory=lambda: RateLimit(_REQUESTS_A_MINUTE))
    address_rate: AddressRate = field(default_factory=lambda: AddressRate(_REQUESTS_A_MINUTE))
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    look_s: float = 1.0
    streams_most: int = _STREAMS_MOST
