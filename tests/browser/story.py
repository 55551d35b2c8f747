"""What the journeys are about: a yard of gateways of the demo's fleet, a release, a rollout."""

from datetime import UTC, datetime

from support.fleet import add_devices

from ota_client.formats.version import Version
from ota_server.catalog import Catalog
from ota_server.devices import changes, groups
from ota_server.files.folder import PublishedFolder
from ota_server.rollouts import rollout
from ota_server.rollouts.plan import HaltCondition, RolloutPlan, WavePlan
from ota_server.rollouts.product_rules import ProductRules, put_rules

PRODUCT, RELEASE, GROUP = "gateway", "1.5.0", "yard"
TAKES_IT = [f"yard-{number}" for number in range(8)]
# no release is for its hardware
CANNOT = "yard-old"


def make_group(dashboard) -> None:
    """The devices of the yard."""
    runs = {"product": PRODUCT, "running_version": "1.4.0", "rollback_index": 2}
    with dashboard.begin() as connection:
        pks = add_devices(connection, TAKES_IT, hardware_id="gw-rev2", **runs)
        pks += add_devices(connection, [CANNOT], hardware_id="gw-rev1", **runs)
        for pk in pks:
            changes.changed(connection, pk, now=_now())
        groups.create(connection, product=PRODUCT, name=GROUP, query="device_id ~ yard-*", now=_now())


def roll_out(dashboard, name="spring") -> int:
    """A rollout that halts with the first device that falls back."""
    halt = HaltCondition(count=1)
    waves = (WavePlan.taking("4", halt=halt), WavePlan.taking("rest", halt=halt))
    plan = RolloutPlan(PRODUCT, name, Version.parse(RELEASE), GROUP, waves, max_in_flight=50)
    catalog = Catalog(PublishedFolder(dashboard.folder / "published"))
    with dashboard.begin() as connection:
        return rollout.create(connection, plan, catalog=catalog, now=_now()).id


def need_approval(dashboard) -> None:
    """From now on a second person approves rollouts of the product."""
    with dashboard.begin() as connection:
        put_rules(connection, PRODUCT, ProductRules(needs_approval=True))


def _now():
    return datetime.now(UTC)
