"""Real paths for every page: what stands in braces is something of the demo's fleet."""

import re

from ota_server.web.pages.table import PAGES

SAMPLES = {
    "device_id": "cam-0003",
    "rollout_id": "5",
    "product": "camera",
    "version": "2.3.0",
    "weakness_id": "ACME-2026-014",
    "entry_id": "5",
    "name": {"notifications": "siem", "operators": "ben", "groups": "lab"},
}


def real(path, samples=SAMPLES):
    """A path with something real in place of each brace."""
    first = path.split("/")[1]

    def value(match):
        found = samples[match[1]]
        return found[first] if isinstance(found, dict) else found

    return re.sub(r"{(\w+)}", value, path)


LOOKED_AT = [real(page.path) for page in PAGES if page.method == "GET"]
CHANGES = [real(page.path) for page in PAGES if page.method == "POST"]
