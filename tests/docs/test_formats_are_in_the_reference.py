import json
import re

import pytest
from example_manifest import EXAMPLE
from pages import REFERENCE, read
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

import ota_client
import ota_client.testing
from ota_client import ReleaseManifest, Status
from ota_client.report import Check, SlotReport

MANIFEST = read(REFERENCE / "manifest.md")


def test_the_example_manifest_is_made_by_the_code():
    shown = re.search(r"```json\n(.*?)```", MANIFEST, re.DOTALL)[1]
    assert shown == json.dumps(json.loads(EXAMPLE.to_bytes()), indent=2) + "\n"
    assert ReleaseManifest.from_bytes(EXAMPLE.to_bytes()) == EXAMPLE


def keys(value: object, prefix: str = "") -> set[str]:
    if isinstance(value, list):
        return set().union(*(keys(item) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, item in value.items():
        inner = f"{name}." if name == "payload" else ""
        found |= {f"{prefix}{name}"} | keys(item, inner)
    return found


def test_every_field_of_the_manifest_has_a_row():
    missing = [name for name in keys(json.loads(EXAMPLE.to_bytes())) if f"| `{name}` |" not in MANIFEST]
    assert not missing


@pytest.fixture
def reports(tmp_path) -> tuple[Check, Status]:
    repository = MemoryRepository()
    repository.put(Release("1.1.0"))
    device = make_device(tmp_path, repository)
    return device.client.check(), device.client.status()


def test_every_json_field_of_a_report_is_in_the_reference(reports):
    page = read(REFERENCE / "ota-client.md")
    named = set(re.findall(r"`(\w+)`", page))
    check, status = (report.to_fields() for report in reports)
    slots = status["slots"]
    assert isinstance(slots, list)
    assert set(slots[0]) == set(SlotReport.__dataclass_fields__)
    advisory = EXAMPLE.advisories[0].to_fields()
    assert {*check, *status, *slots[0], *advisory, "manifest_sha256"} <= named


@pytest.mark.parametrize("module", [ota_client, ota_client.testing])
def test_every_public_name_is_in_the_python_api(module):
    page = read(REFERENCE / "python-api.md")
    missing = [name for name in module.__all__ if f"`{name}`" not in page]
    assert not missing


@pytest.mark.parametrize("path", ["/metadata", "/targets", "/healthz"])
def test_every_route_is_in_the_reference(path):
    assert f"{path}" in read(REFERENCE / "ota-server.md")
