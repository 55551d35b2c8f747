"""A fleet in which each route of the operator API has something real to be asked about.

All that is of product ``cam`` has that word in its name, so that one finds it where it must not be.
"""

import json
from hashlib import sha256

from sqlalchemy import insert

from ota_client.manifest import Sbom
from ota_server.database.events_schema import deliveries
from support.fleet import PRODUCT, add_device, add_devices
from support.known_releases import advisory, release
from support.operator_api import OTHER, OperatorApiUnderTest

ADVISORY = "CVE-2026-1234"
FOREIGN_ADVISORY = "CVE-2026-7777"
ALL_CAMERAS = "hardware_id = cam-v2"
_SBOM = json.dumps(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [
            {"type": "library", "name": "libcam", "version": "1.0", "purl": "pkg:pypi/libcam@1.0"}
        ],
    }
).encode()
_OSV = {
    "schema_version": "1.6.0",
    "id": FOREIGN_ADVISORY,
    "modified": "2026-11-01T00:00:00Z",
    "summary": "libcam overflows",
    "affected": [
        {"package": {"ecosystem": "PyPI", "name": "libcam"}, "versions": ["1.0"]},
    ],
}
_PLAN = {"product": PRODUCT, "version": "1.1.0", "group": "all-cams", "max_in_flight": 5}

# what each route with a body is sent; a route without an entry fails the walk
BODIES = {
    "set_device_tags": {"tags": ["lab"]},
    "revoke_device": {"reason": "stolen"},
    "decommission_device": {},
    "create_group": {"product": PRODUCT, "name": "more-cams", "query": ALL_CAMERAS},
    "preview_group": {"product": PRODUCT, "query": ALL_CAMERAS},
    "edit_group": {"query": ALL_CAMERAS},
    "issue_enrolment_token": {"product": PRODUCT},
    "import_advisories": {"files": [{"name": "cve.json", "content": _OSV}]},
    "preview_rollout": {**_PLAN, "name": "cam-next"},
    "create_rollout": {**_PLAN, "name": "cam-next"},
    "pause_rollout": {},
    "abort_rollout": {},
    "retry_rollout": {},
    "consent_to_rollout": {"device_id": "cam-1"},
    "approve_rollout": {},
    "reject_rollout": {},
    "set_product_rules": {"needs_approval": True},
    "invite_operator": {"name": "cam-tess", "grants": {PRODUCT: "viewer"}},
    "invite_operator_again": {},
    "grant_role": {"role": "viewer"},
    "add_subscription": {
        "name": "cam-hook",
        "channel": "webhook",
        "address": "https://hooks.example/cam",
        "filter": {"products": [PRODUCT]},
    },
    "resume_subscription": {},
}
QUERIES = {
    "show_release_difference": "?before=1.0.0",
    "follow_events": "?position=0",
}


class ApiWorld(OperatorApiUnderTest):
    """The operator API over such a fleet.

    Attributes:
        ann: an admin of everything, by her token; she has nothing proposed.
        values: of the parts of paths.
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.releases.by_product.clear()
        sbom = Sbom("cam.cdx.json", len(_SBOM), sha256(_SBOM).hexdigest())
        self.releases.put(
            release(PRODUCT, "1.0.0", sbom=sbom),
            release(PRODUCT, "1.1.0", sbom=sbom, advisories=(advisory(ADVISORY),)),
            release(OTHER, "3.0.0", hardware_ids=("gate-v1",)),
        )
        for version in ("1.0.0", "1.1.0"):
            self.releases.sboms[f"targets/{PRODUCT}/{version}/{sbom.sha256}.{sbom.file}"] = _SBOM

    def __enter__(self):
        super().__enter__()
        with self.database.begin() as connection:
            add_devices(connection, ["cam-1", "cam-2"])
            add_device(connection, "gate-1", product=OTHER, hardware_id="gate-v1")
        self.ann_id = self.operator("ann", "admin:*")
        self.mia_id = self.operator("cam-mia", f"operator:{PRODUCT}")
        self.ann = self.caller("admin:*", owner=self.ann_id)
        mia = self.caller(f"operator:{PRODUCT}", owner=self.mia_id)
        self._fill(mia)
        self.values = {
            "device_id": "cam-1",
            "product": PRODUCT,
            "group": "free-cams",
            "version": "1.1.0",
            "rollout_id": 1,
            "subscription": "cam-alarms",
            "event_id": 1,
            "entry_id": 1,
            "advisory_id": ADVISORY,
            "operator": "cam-mia",
            "granted": PRODUCT,
        }
        self.tokens = {
            "enrolment-tokens": 1,
            "api-tokens": self.caller("admin:*", owner=self.ann_id).token_id,
        }
        return self

    def _fill(self, mia):
        ann = self.ann
        for answer in (
            ann.put(f"/products/{PRODUCT}/rules", {"needs_approval": True}),
            ann.post("/groups", {"product": PRODUCT, "name": "all-cams", "query": ALL_CAMERAS}),
            ann.post("/groups", {"product": PRODUCT, "name": "free-cams", "query": ALL_CAMERAS}),
            mia.post("/rollouts", {**_PLAN, "name": "cam-spring"}),
            mia.post("/enrolment-tokens", {"product": PRODUCT}),
            ann.post("/subscriptions", {**BODIES["add_subscription"], "name": "cam-alarms"}),
            ann.post("/subscriptions/cam-alarms/test"),
            ann.post("/advisories", BODIES["import_advisories"]),
            ann.post("/devices/cam-2/revoke", {"reason": "for an event"}),
        ):
            assert answer.status < 300, answer
        with self.database.begin() as connection:
            dead = {"subscription_id": 1, "event_id": 1, "state": "dead", "attempts": 9, "at": 0}
            connection.execute(insert(deliveries).values(dead))

    def walk(self, caller, route, values=None, tokens=None):
        """Ask a route as if one meant it; about what is there, unless other values are given."""
        assert not route.body or route.name in BODIES, f"{route.name}: BODIES has nothing for it"
        path = route.path.format(**self.parts_of(route, values or self.values, tokens or self.tokens))
        path = path.removeprefix("/api/v1") + QUERIES.get(route.name, "")
        return caller.ask(route.method, path, BODIES.get(route.name))

    def parts_of(self, route, values, tokens):
        named = {"token_id": tokens.get(route.path.split("/")[3], 0), **values}
        if route.name == "remove_advisory":
            named["advisory_id"] = FOREIGN_ADVISORY
        return named
