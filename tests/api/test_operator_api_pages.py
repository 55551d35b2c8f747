"""The pages about the operator API say what it does."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from support.api_world import ALL_CAMERAS, ApiWorld
from support.device_api import served
from support.fleet import PRODUCT, add_devices
from support.operator_api import OperatorApiUnderTest

from ota_server.web.api.table import ROUTES

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference/operator-api.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "how-to/use-the-api.md").read_text(encoding="utf-8")


def test_every_route_has_a_row_with_its_role_and_its_fields():
    for route in ROUTES:
        begin = re.escape(f"| `{route.method} {route.path}` |")
        (row,) = re.findall(rf"^{begin}(.*)\|$", REFERENCE, re.MULTILINE)
        role, text = (cell.strip() for cell in row.split("|"))
        expected = "nothing" if route.role is None else route.role.value
        assert role == expected + (" of all products" if route.everywhere else "")
        assert text.startswith(route.summary)
        fields = [shape.__struct_fields__ for shape in (route.query, route.body) if shape]
        named = [name for some in fields for name in some]
        assert re.findall(r"`(\w+)`", text.removeprefix(route.summary)) == named


def test_the_reference_names_no_route_that_is_not_there():
    named = set(re.findall(r"^\| `([A-Z]+ /api/v1/\S*)` \|", REFERENCE, re.MULTILINE))
    assert named == {f"{route.method} {route.path}" for route in ROUTES}


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """A server in place of the one that the guide's address names."""
    with OperatorApiUnderTest(tmp_path) as api:
        with api.database.begin() as connection:
            add_devices(connection, ["cam-1", "cam-2"])
        caller = api.caller(f"operator:{PRODUCT}")
        caller.post("/groups", {"product": PRODUCT, "name": "all-cams", "query": ALL_CAMERAS})
        with served(api) as (port, _):
            monkeypatch.setenv("OTA_URL", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("OTA_TOKEN", caller.token)
            yield api


def test_the_guide_s_program_rolls_out_and_stops(fleet, capsys, monkeypatch):
    names = {}
    # two waves of two devices: the tenth would be empty
    ask, create, stop = (
        block.replace('{"takes": "10%", "soak_s": 3600}, ', "") for block in blocks("python")
    )
    for block in (ask, create, stop):
        exec(compile(block, "use-the-api.md", "exec"), names)  # noqa: S102 - the page's own code
    assert capsys.readouterr().out == "left out: {}\nautumn is running\n"
    assert names["ask"]("GET", "/rollouts/1")["state"] == "paused"
    assert [one["device_id"] for one in names["all_of"]("/devices", limit=1)] == ["cam-1", "cam-2"]
    with pytest.raises(SystemExit, match="expected the id of a rollout, got 9"):
        names["ask"]("GET", "/rollouts/9")


@pytest.mark.system  # curl is Debian's
def test_the_guide_s_shell_lines_show_devices(fleet, tmp_path):
    (look,) = blocks("bash")
    environment = {**os.environ, "OTA_CA": "/dev/null"}
    shown = subprocess.run(
        ["bash", "-ec", look], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    found, (promised, *_) = json.loads(shown.stdout), blocks("json")
    assert set(found) == set(json.loads(promised))
    assert [one["device_id"] for one in found["items"]] == ["cam-1", "cam-2"]


def test_an_answer_has_the_fields_that_the_command_shows(tmp_path):
    with ApiWorld(tmp_path) as world:
        shown = world.ann.get("/devices/cam-1").json["device"]
        from ota_server.devices.device import find

        with world.database.read() as connection:
            assert shown == find(connection, "cam-1").to_fields()
