"""What devices do while somebody looks at the pages: beside the server, as another process of it."""

from datetime import UTC, datetime

from sqlalchemy import select

from ota_client.protocol import Report, ReportState
from ota_server import reports
from ota_server.database.schema import rollout_devices, rollouts
from ota_server.rollouts.claim import claim
from ota_server.rollouts.penalty import FleetRules


def take_and_report(dashboard, rollout_id, state: ReportState, *, devices=1, code="") -> None:
    """Some pending devices of the open waves take the release, and say how it went."""
    now = datetime.now(UTC)
    with dashboard.begin() as connection:
        waiting = _pending(connection, rollout_id)[:devices]
        for place in waiting:
            given = claim(connection, place.id, now=now)
            assert given, f"a device got nothing of rollout {rollout_id}"
            told = Report(1, now, state, given.version, place.id, code)
            stream = f"{place.id:032x}"
            reports.accept(connection, place.device_pk, stream, [told], now=now, rules=FleetRules())
    assert len(waiting) == devices, f"expected {devices} devices that wait, got {len(waiting)}"


def _pending(connection, rollout_id):
    wave = select(rollouts.c.wave).filter_by(id=rollout_id).scalar_subquery()
    wanted = select(rollout_devices).filter_by(rollout_id=rollout_id, state="pending")
    wanted = wanted.where(rollout_devices.c.wave <= wave).order_by(rollout_devices.c.id)
    return connection.execute(wanted).all()
