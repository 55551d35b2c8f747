"""A database with some weeks of history in it: what pages show, for tests, pictures and the demo.

Everything that can be is done by the operations that people use, at the time at which it would have
been: so audit log, events, counters and rollouts fit together.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from sqlalchemy import insert, select

from ota_client.formats.version import Version
from ota_client.protocol import CheckIn, Report, ReportState
from ota_server.catalog import Catalog
from ota_server.database.events_schema import deliveries
from ota_server.database.schema import device_seen, devices, rollout_devices
from ota_server.devices import changes, fleet_figures, inventory, version_counts
from ota_server.devices.events import DeviceEvent, note
from ota_server.notify import subscription
from ota_server.notify.filter import Filter
from ota_server.notify.subscription import Channel
from ota_server.operations import devices as device_operations
from ota_server.operations import enrolment_tokens, groups, people, products, rollouts, security
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Actor, ActorKind, Role
from ota_server.operators.role import Grant
from ota_server.reports import accept
from ota_server.rollouts.claim import claim
from ota_server.rollouts.penalty import FleetRules
from ota_server.rollouts.plan import HaltCondition, RolloutPlan, SuccessCondition, WavePlan
from ota_server.rollouts.product_rules import ProductRules
from ota_server.rollouts.share import Share
from ota_server.rollouts.stepping import step
from ota_server.security.contents import read_new
from ota_server.security.daily import write_history
from ota_server.security.importing import Document
from support.demo_releases import HARDWARE, RELEASES, WEAKNESSES, PublishedFiles, published_once

SITES = ("harbour", "plant-2", "depot", "office")
NOW_RUNNING = "closes-acme-014"
PEOPLE = {
    "mia": ("admin", "*"),
    "ben": ("operator", "camera"),
    "zoe": ("approver", "*"),
    "kai": ("viewer", "gateway"),
}
SHARES = {"camera": 60, "gateway": 25, "meter": 15}
FAILURES = (
    ("write-failed", "No space left on device"),
    ("payload-damaged", "region 12: sha256 differs"),
)
_RULES = FleetRules()


def _version(text):
    return Version.parse(text)


@dataclass
class DemoFleet:
    """Makes it; afterwards ``rollouts`` has the ids by name.

    Args:
        database: with empty tables.
        now: the time at which it is looked at.
        size: how many devices there are; 60 are enough for tests.
        with_people: make the accounts too.
    """

    database: object
    now: object
    size: int = 200
    with_people: bool = True
    rollouts: dict[str, int] = field(default_factory=dict)
    people: dict[str, object] = field(default_factory=dict)

    def make(self):
        self.random = Random(7)
        self.repository = published_once(self.now)
        self.catalog = Catalog(PublishedFiles(self.repository), clock=lambda: self.now)
        self.sequences = {}
        with self.database.begin() as connection:
            self._people(connection)
            self._devices(connection)
            self._groups(connection)
        self._weeks()
        read_new(self.database, self.catalog, now=self.now)
        with self.database.begin() as connection:
            self._today(connection)
        return self

    def desk(self, connection, name, days_ago=0.0):
        """The place of one of the people, at a time."""
        role, product = PEOPLE[name]
        at = self.now - timedelta(days=days_ago)
        held = self.people.get(name)
        actor = Actor(ActorKind.OPERATOR, name, {product: Role(role)}, held.id if held else None)
        return Desk(connection, actor, at, self.catalog)

    # who and what there is

    def _people(self, connection):
        if not self.with_people:
            return
        machine = Desk(connection, Actor.machine("root"), self.now - timedelta(days=59), self.catalog)
        for name, (role, product) in PEOPLE.items():
            grants = [Grant(Role(role), product)]
            mail = f"{name}@acme.example"
            self.people[name] = people.invite(machine, name, grants, mail=mail).operator

    def _devices(self, connection):
        self.pks, self.product_of = {}, {}
        for product, share in SHARES.items():
            for number in range(max(3, self.size * share // 100)):
                device_id = f"{product[:3]}-{number:04}"
                self.pks[device_id] = self._device(connection, device_id, product, number)
                self.product_of[device_id] = product

    def _device(self, connection, device_id, product, number):
        made_at = self.now - timedelta(days=59 - number % 9, hours=number % 24)
        first = RELEASES[product][0]
        seen_at = self.now - timedelta(minutes=self.random.randrange(1, 300))
        if number % 19 == 7:
            seen_at = self.now - timedelta(days=9 + number % 7)
        row = {
            "device_id": device_id,
            "product": product,
            "hardware_id": HARDWARE[product][number % len(HARDWARE[product])],
            "key_sha256": f"{self.random.getrandbits(256):064x}",
            "status": "active",
            "created_at": int(made_at.timestamp()),
            "certificate_expires_at": int((self.now + timedelta(days=6 + number % 300)).timestamp()),
            "running_version": first[1],
            "rollback_index": first[2],
            "root_version": 1,
            "phase": "idle",
        }
        pk = connection.execute(insert(devices).values(row).returning(devices.c.pk)).scalar_one()
        connection.execute(insert(device_seen).values(device_pk=pk, seen_at=int(seen_at.timestamp())))
        version_counts.entered(connection, product, first[1])
        note(connection, pk, DeviceEvent.ENROLLED, now=made_at)
        site = SITES[number % len(SITES)]
        attributes = {
            "site": site,
            "uptime_days": number % 40,
            "kernel": "6.6.52",
            "battery": number % 5 > 0,
        }
        slots = [_slot("a", first[1], first[2], booted=True), _slot("b", None, None, booted=False)]
        inventory.put(connection, pk, {"attributes": attributes, "slots": slots}, now=made_at)
        return pk

    def _groups(self, connection):
        for product in HARDWARE:
            desk = self.desk(connection, "mia", 58)
            query = "all"
            groups.create(desk, product, "all", query)
        groups.create(
            self.desk(connection, "mia", 58), "camera", "harbour", 'attribute.site = "harbour"'
        )
        groups.create(self.desk(connection, "mia", 57), "camera", "lab", "tag = lab or tag = beta")
        products.set_rules(self.desk(connection, "mia", 58), "meter", ProductRules(needs_approval=True))

    # what happened

    def _weeks(self):
        """Day after day, from sixty days ago until yesterday."""
        plans = {
            42: lambda c: self._roll_out(c, "mia", 42, "camera", "spring", "2.1.0"),
            21: lambda c: self._roll_out(c, "ben", 21, "camera", "autumn", "2.2.0"),
            6: lambda c: self._roll_out(c, "mia", 6, "gateway", "new-resolver", "1.5.0", halt="20%"),
            2: self._abort_one,
        }
        for day in range(56, 0, -1):
            at = self.now - timedelta(days=day)
            with self.database.begin() as connection:
                if day in plans:
                    plans[day](connection)
                self._answers(connection, day, at)
            with self.database.begin() as connection:
                write_history(connection, now=at)
            with self.database.begin() as connection:
                step(connection, now=at)

    def _today(self, connection):
        files = [Document.read(f"osv-{n}.json", data) for n, data in enumerate(WEAKNESSES)]
        security.import_documents(self.desk(connection, "mia", 1.5), files)
        desk = self.desk(connection, "ben", 0.4)
        device_operations.set_tags(desk, "cam-0003", ["lab", "beta"])
        device_operations.revoke(desk, "cam-0005", reason="stolen from the harbour")
        self._roll_out(connection, "ben", 0.9, "camera", NOW_RUNNING, "2.3.0")
        for hours in (20, 16, 12, 8, 5, 2):
            step(connection, now=self.now - timedelta(hours=hours))
            self._answer(connection, NOW_RUNNING, self.now - timedelta(hours=hours), 8)
        self._move(connection, NOW_RUNNING, self.now - timedelta(minutes=4), 7)
        self._roll_out(connection, "mia", 0.2, "meter", "certified", "1.0.0")
        self._tokens(connection)
        self._subscribe(connection)
        week, fortnight = timedelta(days=7), timedelta(days=14)
        found = fleet_figures.count(connection, silent_after=week, warn=fortnight, now=self.now)
        fleet_figures.remember(connection, found, now=self.now)

    def _abort_one(self, connection):
        self._roll_out(connection, "ben", 1.9, "camera", "lab-only", "2.3.0", group="harbour")
        desk = self.desk(connection, "mia", 1.8)
        rollouts.abort(
            desk, self.rollouts["lab-only"], reason="wrong group: the lab is not at the harbour"
        )

    def _roll_out(self, connection, who, days, product, name, version, *, group="all", halt="60%"):
        success = SuccessCondition(Share.parse("60%"), Share.parse("60%"))
        condition = HaltCondition(share=Share.parse(halt), least=5)
        waves = tuple(
            WavePlan.taking(takes, success=success, halt=condition)
            for takes in (("10%", "40%", "rest") if group == "all" else ("2", "rest"))
        )
        plan = RolloutPlan(product, name, _version(version), group, waves, max_in_flight=40, retries=0)
        self.rollouts[name] = rollouts.create(self.desk(connection, who, days), plan).id

    def _answers(self, connection, day, at):
        """What devices did on one day."""
        for name, first, most in (("spring", 42, 25), ("autumn", 21, 14), ("new-resolver", 6, 9)):
            if name in self.rollouts and first - 14 <= day <= first:
                self._answer(connection, name, at, max(2, most * self.size // 200))

    def _answer(self, connection, name, at, most):
        """Some devices take the release, and say how it went."""
        for place in self._pending(connection, name, most):
            if claim(connection, place.id, now=at) is None:
                continue
            # always the same ones, whatever was done before
            luck = place.device_pk * 37 % 100
            bad = luck % 3 == 0 if name == "new-resolver" else luck < 7
            if bad and (name == "new-resolver" or luck % 2):
                self._report(connection, place, ReportState.FELL_BACK, at, "not-marked-good")
            elif bad:
                code, detail = FAILURES[luck % len(FAILURES)]
                self._report(connection, place, ReportState.FAILED, at, code, detail)
            else:
                self._comes_up(connection, place, at)

    def _move(self, connection, name, at, most):
        """Some are on their way."""
        states = (ReportState.DOWNLOADING, ReportState.INSTALLED, ReportState.TRIAL)
        for number, place in enumerate(self._pending(connection, name, most)):
            if claim(connection, place.id, now=at) is not None:
                self._report(connection, place, states[number % 3], at)

    def _pending(self, connection, name, most):
        columns = (*rollout_devices.c, devices.c.device_id)
        wanted = select(*columns).join(devices).where(rollout_devices.c.state == "pending")
        wanted = wanted.where(rollout_devices.c.rollout_id == self.rollouts[name])
        if name == NOW_RUNNING:
            # these have not been heard of for days
            wanted = wanted.where(devices.c.pk % 19 != 8)
        return connection.execute(wanted.order_by(rollout_devices.c.wave).limit(most)).all()

    def _comes_up(self, connection, place, at):
        if place.device_pk % 3 == 0:
            # of some alone: it is half of the time that all of this takes
            self._report(connection, place, ReportState.TRIAL, at)
        version, index = self._brought(connection, place)
        self._report(connection, place, ReportState.CONFIRMED, at + timedelta(minutes=4))
        said = CheckIn(
            running=_version(version),
            rollback_index=index,
            root_version=1,
            phase="idle",
            inventory="0" * 64,
        )
        changes.record_check_in(connection, place.device_pk, said, now=at)
        before = RELEASES[self.product_of[place.device_id]][0]
        slots = [_slot("a", before[1], before[2], booted=False), _slot("b", version, index, booted=True)]
        site = SITES[int(place.device_id.rpartition("-")[2]) % len(SITES)]
        told = {"attributes": {"site": site, "kernel": "6.6.58", "uptime_days": 3}, "slots": slots}
        inventory.put(connection, place.device_pk, told, now=at)

    def _report(self, connection, place, state, at, code="", detail=""):
        version, _ = self._brought(connection, place)
        number = self.sequences[place.device_pk] = self.sequences.get(place.device_pk, 0) + 1
        report = Report(number, at, state, _version(version), place.id, code, detail)
        accept(connection, place.device_pk, "0" * 32, [report], now=at, rules=_RULES)

    def _brought(self, connection, place):
        row = connection.execute(select(rollout_devices).filter_by(id=place.id)).one()
        releases = RELEASES[self.product_of[place.device_id]]
        version = row.version or next(v for _, v, *_ in releases)
        return version, next(index for _, v, index, _ in releases if v == version)

    def _tokens(self, connection):
        """For what is to come: a batch of meters, a repaired camera."""
        week = timedelta(days=7)
        enrolment_tokens.issue(
            self.desk(connection, "mia", 3),
            "meter",
            device_ids="met-*",
            uses=40,
            lifetime=4 * week,
            tags=["line-2"],
        )
        enrolment_tokens.issue(
            self.desk(connection, "ben", 0.1), "camera", device_ids="cam-0011", lifetime=week, rekey=True
        )

    def _subscribe(self, connection):
        made_at = self.now - timedelta(days=20)
        hook = "https://siem.acme.example/hooks/ota"
        siem = subscription.add(
            connection,
            name="siem",
            channel=Channel.WEBHOOK,
            operator_id=None,
            address=hook,
            secret="",
            wanted=Filter(),
            now=made_at,
        ).id
        for number in range(1, 9):
            dead = number == 3
            at = int((self.now - timedelta(hours=40 - number)).timestamp())
            row = {"subscription_id": siem, "event_id": number, "at": at, "attempts": 14 if dead else 1}
            answer = {"state": "dead" if dead else "delivered", "http_status": 503 if dead else 204}
            error = "HTTP 503 for 24 hours" if dead else ""
            connection.execute(insert(deliveries).values(**row, **answer, error=error))


def _slot(name, version, index, *, booted):
    return {
        "name": name,
        "booted": booted,
        "primary": booted,
        "bootable": version is not None,
        "good": version is not None,
        "tries_left": 3,
        "version": version,
        "rollback_index": index,
        "complete": version is not None,
    }
