"""The operator API in this process: no socket, API tokens of each role, a clock that the test sets."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update

from ota_server.database.operators_schema import operators
from ota_server.notify.means import Means
from ota_server.operators import account, api_token
from ota_server.operators.role import Grant
from ota_server.operators.secret_box import SecretBox
from ota_server.web.api.operator_api import OperatorApi
from ota_server.web.api.parts import ApiParts
from ota_server.web.api.streams import CLOSING
from ota_server.web.metrics import Metrics
from ota_server.web.rates import AddressRate, RateLimit
from support.device_api import ApiUnderTest
from support.fleet import PRODUCT
from support.known_releases import KnownReleases, advisory, release

OTHER = "gate"


class OperatorApiUnderTest(ApiUnderTest):
    """The operator API over a new database; use it in a ``with`` statement."""

    def __init__(self, folder, *, token=10**6, address=10**6, **parts):
        super().__init__(folder)
        self.releases = KnownReleases(
            release(PRODUCT, "1.0.0"),
            release(PRODUCT, "1.1.0", advisories=(advisory(),)),
            release(OTHER, "3.0.0", hardware_ids=("gate-v1",)),
        )
        box = SecretBox((bytes(32),), "test")
        self.parts = ApiParts(
            self.database,
            self.releases,
            self.peers,
            token_rate=RateLimit(token),
            address_rate=AddressRate(address),
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic_s,
            look_s=0.01,
            means=Means(box, box),
            **{"public_url": "https://fleet.example", **parts},
        )
        self.metrics = Metrics()
        self.app = OperatorApi(self.parts, self.metrics)
        # a stream ends with its first part: the server is about to stop
        closing = asyncio.Event()
        closing.set()
        self.state = {CLOSING: closing}
        self._numbers = 0

    def operator(self, name, *grants):
        """An operator who may come; returns the number of the account."""
        with self.database.begin() as connection:
            given = [Grant.parse(grant) for grant in grants]
            made = account.create(connection, name, given, now=self.now)
            active = update(operators).filter_by(id=made.id).values(status="active")
            connection.execute(active)
        return made.id

    def caller(self, *grants, owner=None):
        """Somebody with a new token; grants are such as ``viewer:cam``."""
        self._numbers += 1
        with self.database.begin() as connection:
            issued = api_token.issue(
                connection,
                name=f"token-{self._numbers}",
                grants=[Grant.parse(grant) for grant in grants],
                operator_id=owner,
                lifetime=timedelta(days=7),
                now=self.now,
            )
        return Caller(self, issued.token, issued.id)


@dataclass
class Caller:
    """Asks with a token."""

    api: OperatorApiUnderTest
    token: str
    token_id: int = 0

    def ask(self, method, path, body=None, **more):
        headers = {"authorization": f"Bearer {self.token}", **more}
        return self.api.ask(method, f"/api/v1{path}", body, **headers)

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.ask("PUT", path, body, **more)

    def delete(self, path, **more):
        return self.ask("DELETE", path, **more)
