"""What ``make demo`` leaves in a folder is whole: the temporary folder it came from is gone."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from ota_server.settings import read_unchecked

DEMO = Path(__file__).parents[1] / "demo"


@pytest.fixture
def dashboard(monkeypatch):
    """The demo's module; the demo runs in its own folder."""
    monkeypatch.syspath_prepend(str(DEMO))
    spec = importlib.util.spec_from_file_location("demo_dashboard", DEMO / "dashboard.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_server_that_the_demo_leaves_serves_what_was_published(dashboard, tmp_path):
    played, left = tmp_path / "played", tmp_path / "left"
    (played / "repository/.published/6/metadata").mkdir(parents=True)
    (played / "repository/published").symlink_to(".published/6")
    (played / "server").mkdir()
    (played / "server/published").symlink_to(played / "repository/published")
    (played / "server/ota-server.toml").write_text('published = "published"\n')
    kept = dashboard.Dashboard(None, "", played / "server").leave(left)
    shutil.rmtree(played)
    settings = read_unchecked({}, kept.server / "ota-server.toml")
    assert (settings.published / "metadata").is_dir()
