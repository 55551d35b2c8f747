"""What the pages need of the server: one object a process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ota_server.catalog import Catalog
from ota_server.database.database import Database
from ota_server.notify.means import Means
from ota_server.operators.oidc.flow import OidcFlow
from ota_server.operators.password import Passwords
from ota_server.operators.sign_in import SignInRules
from ota_server.settings import OperatorSettings
from ota_server.web.peer import PeerSource
from ota_server.web.rates import AddressRate

# of one address: a person clicks less often, and what is live asks for small parts
_REQUESTS_A_MINUTE: Final = 600
_SIGN_INS_A_MINUTE: Final = 20


@dataclass(frozen=True, slots=True)
class House:
    """What the dashboard is made of.

    Attributes:
        catalog: the published releases.
        peers: tells which address a request came from.
        settings: of people.
        passwords: of the process.
        means: to subscribe.
        oidc: how people sign in at an identity provider; None if they do not.
        url: under which people reach the server, without a slash at the end.
        is_plain: it is served without TLS, which was asked for by name: no ``Secure`` cookies.
        requests: how often one address may ask.
        sign_ins: ... and try to sign in; counted before anything is looked up (B12).
        clock: UTC.
        monotonic: seconds.
        look_s: how often it is looked for what changed, while somebody listens.
    """

    database: Database
    catalog: Catalog
    peers: PeerSource
    settings: OperatorSettings
    passwords: Passwords
    means: Means
    url: str
    oidc: OidcFlow | None = None
    is_plain: bool = False
    requests: AddressRate = field(default_factory=lambda: AddressRate(_REQUESTS_A_MINUTE))
    sign_ins: AddressRate = field(default_factory=lambda: AddressRate(_SIGN_INS_A_MINUTE))
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    look_s: float = 1.0

    @property
    def rules(self) -> SignInRules:
        """How people sign in, and for how long."""
        return SignInRules.of(self.settings)
