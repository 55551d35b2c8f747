"""Two products in one database, ``alpha`` and ``beta``, and desks at which people of either ask.

Whatever belongs to alpha has ``alpha`` in its name: what somebody of beta sees can be searched for it.
"""

from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from ota_client.manifest import Sbom
from ota_server.database.database import Database
from ota_server.database.last import run_last
from ota_server.database.tables import metadata
from ota_server.devices import groups
from ota_server.notify.filter import Filter
from ota_server.notify.means import Means
from ota_server.notify.subscription import Channel
from ota_server.operations import api_tokens, enrolment_tokens, notifications, people, rollouts
from ota_server.operations.desk import Desk
from ota_server.operators import session
from ota_server.operators.actor import Actor, ActorKind, Role
from ota_server.operators.role import Grant
from ota_server.operators.secret_box import SecretBox
from support import fleet, security_files
from support.fleet import NOW, make_plan
from support.known_releases import KnownReleases, advisory, release
from support.people import known, member

ALPHA, BETA = "alpha", "beta"
BOX = SecretBox((b"k" * 32,), "webhook")
MEANS = Means(BOX, BOX, has_mail=True)
BILL = security_files.cyclonedx(security_files.OPENSSL)
_DAY = timedelta(days=1)


class _UndoneError(Exception):
    """Ends a transaction as if nothing had happened."""


class Office:
    """See above.

    Args:
        where: a folder for SQLite, or an empty database with tables.
    """

    def __init__(self, where):
        if isinstance(where, Database):
            self.database, self.tokens = where, _furnish(where)
        else:
            furnished, self.tokens = _furnished()
            path = Path(where, "office.db")
            path.write_bytes(furnished)
            self.database = Database(f"sqlite:///{path}")
        self.now = NOW
        self.catalog = releases()

    @cached_property
    def at_rest(self):
        """Every row, for tests that leave nothing."""
        with self.database.read() as connection:
            return rows(connection)

    def close(self):
        self.database.close()

    @contextmanager
    def desk(self, actor=None):
        """A desk whose changes stay."""
        with self.database.begin() as connection:
            yield self.at(connection, actor)

    @contextmanager
    def trial(self, actor=None):
        """A desk whose changes are undone; see ``finish``."""
        with suppress(_UndoneError), self.database.begin() as connection:
            yield self.at(connection, actor)
            raise _UndoneError

    def at(self, connection, actor=None):
        return Desk(connection, actor or Actor.machine("root"), self.now, self.catalog)

    def person(self, name, role=Role.OPERATOR, product=ALPHA):
        """An operator of the database, with another role perhaps."""
        operator = known(self.database, name)
        return Actor(ActorKind.OPERATOR, name, {product: role}, operator.id)

    def hire(self, name, *given):
        """A new operator."""
        member(self.database, name, *given, now=self.now)
        operator = known(self.database, name)
        return Actor(ActorKind.OPERATOR, name, dict(operator.grants), operator.id)


def _furnish(database):
    tokens = {
        name: member(database, f"{name}-mia", f"operator:{name}", now=NOW) for name in (ALPHA, BETA)
    }
    with database.begin() as connection:
        for product in (ALPHA, BETA):
            furnish(Desk(connection, Actor.machine("root"), NOW, releases()), product)
    return tokens


@cache
def _furnished():
    """The database, and a session of each operator: most of it is done once."""
    with TemporaryDirectory() as folder:
        database = fleet.open_database(Path(folder))
        tokens = _furnish(database)
        database.close()
        return Path(folder, "fleet.db").read_bytes(), tokens


def releases():
    bill = Sbom("sbom.json", len(BILL), sha256(BILL).hexdigest())
    listed = [
        release(product, version, sbom=bill, advisories=weak)
        for product in (ALPHA, BETA)
        for version, weak in (
            ("1.0.0", ()),
            ("1.1.0", (advisory(f"{product.upper()}-2026-1"),)),
        )
    ]
    known = KnownReleases(*listed)
    for one in listed:
        name = f"targets/{one.product}/{one.version}/{bill.sha256}.{bill.file}"
        known.sboms[name] = BILL
    return known


def plan(product, name="summer", **values):
    return make_plan(product=product, name=f"{product}-{name}", group=f"{product}-group", **values)


def furnish(desk, product):
    """Two devices, a group, a rollout, and one of all that people make."""
    names = [f"{product}-1", f"{product}-2"]
    fleet.add_devices(desk.connection, names, product=product)
    groups.create(
        desk.connection,
        product=product,
        name=f"{product}-group",
        query=f"product = {product}",
        now=desk.now,
    )
    rollouts.create(desk, plan(product, "spring"))
    enrolment_tokens.issue(desk, product, device_ids=f"{product}-*", lifetime=_DAY)
    api_tokens.issue(desk, f"{product}-token", [Grant(Role.OPERATOR, product)])
    wanted = Filter(products=frozenset({product}))
    address = f"https://{product}.example/hook"
    hook = {"name": f"{product}-hook", "channel": Channel.WEBHOOK, "address": address}
    notifications.subscribe(desk, MEANS, **hook, wanted=wanted)
    people.invite(desk, f"{product}-guest", [Grant(Role.VIEWER, product)])


def finish(desk):
    """Do what a transaction leaves for its end."""
    run_last(desk.connection)


def rows(connection):
    """Every row of every table, as text."""
    return {
        f"{table} {row}"
        for table in metadata.tables
        for row in connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608 - our own names
    }


def handle(office, product):
    """Of somebody's session."""
    return session.handle_of(office.tokens.get(product, "rats_none"))
