"""What a server acknowledged to its devices, held against what its database says."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy import func, select

from ota_server.database.schema import (
    IN_FLIGHT_STATES,
    device_events,
    devices,
    report_streams,
    rollout_devices,
    rollout_waves,
    rollouts,
)
from ota_server.devices.identity import hash_of_key
from ota_server.errors import DatabaseUnavailableError


@dataclass(frozen=True)
class Audit:
    """Counts: of what was acknowledged, and of what of it the database does not have."""

    enrolments: int
    claims: int
    reports: int
    lost_enrolments: int
    lost_claims: int
    lost_reports: int
    counted_twice: int
    wrong_counters: tuple[str, ...]

    @property
    def lost(self):
        return self.lost_enrolments + self.lost_claims + self.lost_reports


def audit(database, fleet):
    """Look at everything that the fleet's devices were promised."""
    with database.read() as connection:
        known = {row.key_sha256: row.pk for row in connection.execute(select(devices))}
        enrolled = [device for device in fleet.devices if device.session.certificate]
        found = [known.get(_key(device)) for device in enrolled]
        pairs = [(device, pk) for device, pk in zip(enrolled, found, strict=True) if pk]
        lost_reports, twice = _reports(connection, pairs)
        return Audit(
            enrolments=len(enrolled),
            claims=sum(len(device.claims) for device in enrolled),
            reports=sum(len(device.queue.acknowledged) for device in enrolled),
            lost_enrolments=found.count(None),
            lost_claims=_lost_claims(connection, pairs),
            lost_reports=lost_reports,
            counted_twice=twice,
            wrong_counters=tuple(wrong_counters(connection)),
        )


def _key(device):
    certificate = x509.load_pem_x509_certificate(device.session.certificate.encode())
    return hash_of_key(certificate.public_key())


def _lost_claims(connection, pairs):
    places = {
        (row.id, row.device_pk): row.attempts for row in connection.execute(select(rollout_devices))
    }
    claims = [(claim, pk) for device, pk in pairs for claim in device.claims]
    return sum(not places.get(claim) for claim in claims)


def _reports(connection, pairs):
    """Acknowledged reports that left no event or no number, and events that no report explains."""
    events, last = Counter(), {}
    for row in connection.execute(select(device_events).where(device_events.c.version.is_not(None))):
        events[row.device_pk, row.kind, row.version] += 1
    for row in connection.execute(select(report_streams)):
        last[row.device_pk, row.stream] = row.sequence
    lost = twice = 0
    for device, pk in pairs:
        told = device.queue.acknowledged
        acknowledged = Counter((pk, r.state.value, str(r.version)) for r in told)
        made = acknowledged + Counter((pk, r.state.value, str(r.version)) for r in device.queue.waiting)
        counted = Counter({key: n for key, n in events.items() if key[0] == pk})
        lost += (acknowledged - counted).total()
        twice += (counted - made).total()
        lost += bool(told) and last.get((pk, device.queue.stream), 0) < told[-1].sequence
    return lost, twice


def wrong_counters(connection):
    """Counters that differ from what they count."""
    table = rollout_devices.c
    states = Counter()
    query = select(table.rollout_id, table.wave, table.state, func.count())
    for rollout, wave, state, count in connection.execute(
        query.group_by(table.rollout_id, table.wave, table.state)
    ):
        states[rollout, wave, state] = count
    for wave in connection.execute(select(rollout_waves)):
        for name in ("succeeded", "failed", "fell_back", "refused"):
            told, counted = getattr(wave, name), states[wave.rollout_id, wave.number, name]
            if told != counted:
                yield f"wave {wave.number} of {wave.rollout_id}: {name} {told}, not {counted}"
    for rollout in connection.execute(select(rollouts)):
        held = sum(
            n for (of, _, state), n in states.items() if of == rollout.id and state in IN_FLIGHT_STATES
        )
        if rollout.in_flight != held:
            yield f"rollout {rollout.id}: {rollout.in_flight} in flight, not {held}"


class Monitor(threading.Thread):
    """Looks, over and over, at how many devices are updating, in one snapshot each.

    Attributes:
        looks: how often it could.
        most: that it saw updating at once, by their own states.
        over: what it saw that must not be.
    """

    def __init__(self, database, *, every_s=0.02):
        super().__init__(daemon=True)
        self._database, self._every_s, self._ended = database, every_s, threading.Event()
        self.looks, self.most, self.over = 0, 0, []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join(60)

    def run(self):
        while not self._ended.is_set():
            # where it was killed, whoever tests that starts it again
            with suppress(DatabaseUnavailableError):
                self._look()
            self._ended.wait(self._every_s)

    def _look(self):
        table = rollout_devices.c
        held = (
            select(table.rollout_id, func.count())
            .where(table.state.in_(IN_FLIGHT_STATES))
            .group_by(table.rollout_id)
        )
        with self._database.read() as connection:
            counted = dict(connection.execute(held).all())
            for row in connection.execute(select(rollouts)):
                updating = counted.get(row.id, 0)
                self.most = max(self.most, updating)
                if updating > row.max_in_flight or updating != row.in_flight:
                    self.over.append((row.id, updating, row.in_flight, row.max_in_flight))
        self.looks += 1
