"""On PostgreSQL, all at once: devices come, update, fall back and go; people tag, steer and read."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import func, select, text
from support.fleet import make_plan, miscounted, places, report, with_tables
from support.identities import NOW, Identity, make_device_authority
from support.known_releases import KnownReleases, release
from support.postgresql import needs_postgresql, postgresql

from ota_client.formats.version import Version
from ota_client.protocol import CheckIn, ReportState
from ota_client.recovery import Phase
from ota_server.database.database import Database
from ota_server.database.events_schema import events
from ota_server.database.operators_schema import audit_entries
from ota_server.database.schema import devices as device_table
from ota_server.database.schema import group_members
from ota_server.database.schema import groups as group_table
from ota_server.database.security_schema import version_counts, version_history
from ota_server.devices import groups, tokens
from ota_server.devices.changes import record_check_in
from ota_server.devices.enrolment import enrol
from ota_server.errors import ConflictError, DatabaseUnavailableError, NotFoundError
from ota_server.journal import audit_chain
from ota_server.operations import devices, products, rollouts
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Actor
from ota_server.rollouts.answers import answer
from ota_server.rollouts.claim import claim
from ota_server.rollouts.product_rules import ProductRules
from ota_server.security.daily import write_history

pytestmark = [pytest.mark.system, needs_postgresql]
THREADS, DEVICES = 8, 48
PRODUCT = "camera"


@pytest.fixture(scope="module")
def cluster():
    with postgresql() as running:
        yield running


@pytest.fixture
def database(cluster):
    database = with_tables(Database(cluster.database()))
    yield database
    database.close()


class BusyFleet:
    """A product with a group and a rollout that halts easily."""

    def __init__(self, database, authority):
        self.database, self.authority = database, authority
        self.catalog = KnownReleases(release(PRODUCT, "1.0.0"), release(PRODUCT, "1.1.0"))
        self.sequences = count(1)
        with self.desk() as desk:
            groups.create(
                desk.connection, product=PRODUCT, name="all", query=f"product = {PRODUCT}", now=NOW
            )
            issued = tokens.issue(
                desk.connection, product=PRODUCT, lifetime=timedelta(days=1), uses=1000, now=NOW
            )
        self.token = issued.token
        self.live("cam-first", ())
        with self.desk() as desk:
            plan = make_plan(product=PRODUCT, stays_open=True, retries=1)
            self.rollout_id = rollouts.create(desk, plan).id

    def begin(self):
        return self.database.begin()

    def desk(self):
        return _Desk(self, Actor.machine("root"))

    def second_desk(self):
        return _Desk(self, Actor.machine("other"))

    def live(self, device_id, words):
        """A device's whole life, each step a transaction of its own."""
        with self.begin() as connection:
            request = Identity.new(device_id).request(token=self.token)
            enrol(connection, self.authority, request, now=NOW)
        with self.database.read() as connection:
            pk = connection.scalar(select(device_table.c.pk).filter_by(device_id=device_id))
        self.check_in(pk, "1.0.0")
        if not words:
            return
        place = self.place(device_id)
        for word in words:
            with self.begin() as connection:
                claim(connection, place, now=NOW)
            with self.begin() as connection:
                said = report(place, word, sequence=next(self.sequences))
                answer(connection, pk, said, now=NOW)
        if words[-1] is ReportState.CONFIRMED:
            self.check_in(pk, "1.1.0")

    def check_in(self, pk, version):
        said = CheckIn(Version.parse(version), 1, Phase.IDLE, 1, "")
        with self.begin() as connection:
            record_check_in(connection, pk, said, now=NOW)

    def place(self, device_id):
        with self.database.read() as connection:
            return places(connection, self.rollout_id, device_id)[device_id].id


class _Desk:
    def __init__(self, fleet, actor):
        self._fleet, self._actor, self._transaction = fleet, actor, fleet.begin()

    def __enter__(self):
        connection = self._transaction.__enter__()
        return Desk(connection, self._actor, NOW, self._fleet.catalog)

    def __exit__(self, *error):
        return self._transaction.__exit__(*error)


_LIVES = (
    (ReportState.DOWNLOADING, ReportState.CONFIRMED),
    (ReportState.CONFIRMED,),
    (ReportState.FELL_BACK,),
    (),
)


def _device(fleet, number):
    device_id = f"cam-{number}"
    fleet.live(device_id, _LIVES[number % len(_LIVES)])
    with fleet.desk() as desk:
        devices.change_tags(desk, device_id, add=[f"tag-{number % 3}"])
    if number % 3 == 0:
        with fleet.desk() as desk:
            devices.decommission(desk, device_id, reason="gone")


def _person(fleet, number):
    """Steers, decides for the product and reads the log; a state that is not so is somebody else's."""
    with fleet.desk() as desk:
        products.set_rules(desk, PRODUCT, ProductRules(needs_approval=number % 2 == 0))
    for steer in (rollouts.pause, rollouts.resume):
        with suppress(ConflictError), fleet.second_desk() as desk:
            steer(desk, fleet.rollout_id)
    with fleet.begin() as connection:
        write_history(connection, now=NOW)
    with fleet.database.read() as connection:
        audit_chain.verify(connection)


@pytest.fixture
def fleet(database, tmp_path):
    return BusyFleet(database, make_device_authority(tmp_path))


def test_counters_and_journals_hold_and_nobody_waits_in_a_circle(fleet):
    with ThreadPoolExecutor(THREADS) as threads:
        under_way = [threads.submit(_device, fleet, number) for number in range(DEVICES)]
        under_way += [threads.submit(_person, fleet, number) for number in range(DEVICES // 4)]
        for one in under_way:
            # a deadlock would be a DatabaseUnavailableError
            one.result()
    with fleet.database.read() as connection:
        assert miscounted(connection) == []
        assert _counted(connection) == _kept(connection)
        assert min(_kept(connection).values()) > 0
        members = connection.scalar(select(func.count()).select_from(group_members))
        assert connection.scalar(select(group_table.c.devices)) == members == 1 + DEVICES * 2 // 3
        for table in (events, audit_entries):
            ids = list(connection.scalars(select(table.c.id).order_by(table.c.id)))
            assert ids == list(range(1, len(ids) + 1))
        kinds = Counter(connection.scalars(select(events.c.kind)))
        days = connection.scalar(select(func.count(version_history.c.day_at.distinct())))
        assert audit_chain.verify(connection).entries > DEVICES
    assert kinds["device.enrolled"] == DEVICES + 1
    assert kinds["device.decommissioned"] == DEVICES // 3
    assert kinds["rollout.halted"]
    assert days == 1


def _counted(connection):
    version = func.coalesce(device_table.c.running_version, "")
    wanted = select(version, func.count()).group_by(version)
    return {row[0]: row[1] for row in connection.execute(wanted)}


def _kept(connection):
    rows = connection.execute(select(version_counts.c.version, version_counts.c.devices))
    return {row.version: row.devices for row in rows}


def test_two_who_decide_first_for_a_product_both_do(fleet):
    def decide(number):
        with fleet.desk() as desk:
            products.set_rules(desk, f"new-{number // THREADS}", ProductRules(needs_approval=True))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(decide, range(THREADS * 10)))


def test_two_devices_that_are_forgotten_at_once_are_both_forgotten(fleet):
    """Their events name each other's: neither writes over what the other took out."""
    names = [f"cam-{number}" for number in range(THREADS)]
    for name in names:
        fleet.live(name, ())
    with fleet.begin() as connection:
        quoted = ", ".join(f'"{name}"' for name in names)
        # what tells of several devices is about none
        shared = {"device_id": "", "document": f'{{"first": [{quoted}]}}'}
        connection.execute(events.update().values(shared))

    def decommission(name):
        with fleet.desk() as desk:
            devices.decommission(desk, name)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(decommission, names))
    with fleet.database.read() as connection:
        left = connection.scalars(select(events.c.document).where(events.c.id <= 1 + THREADS)).all()
    assert set(left) == {'{"first":[' + ",".join(['"erased"'] * THREADS) + "]}"}


def _lose(connection, other):
    own = connection.scalar(text("SELECT pg_backend_pid()"))
    other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
    connection.execute(text("SELECT 1"))


def test_a_connection_that_is_lost_in_a_transaction_is_the_database_s_error(fleet):
    def lose():
        with fleet.begin() as other, fleet.desk() as desk:
            desk.note("device.tag", "cam-1")
            _lose(desk.connection, other)

    with pytest.raises(DatabaseUnavailableError):
        lose()
    with fleet.desk() as desk, pytest.raises(NotFoundError):
        devices.find(desk, "cam-none")
