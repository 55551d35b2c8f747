"""The executable that tuf-conformance drives, against a tiny repository over HTTP."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from support.memory_repository import MemoryRepository, Release
from werkzeug import Response

CLIENT = Path(__file__).with_name("client")
ROOT = CLIENT.parents[2]
TARGET = "gateway/1.0.0/manifest.json"


def in_a_process(*words):
    """As the suite does."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}
    return subprocess.run([sys.executable, CLIENT, *words], env=env, check=False, timeout=30).returncode


def in_this_process(*words):
    """The same without the half second that a process takes to load everything."""
    loader = SourceFileLoader("conformance_client", str(CLIENT))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        patch.setattr(sys, "argv", ["client", *map(str, words)])
        return module.main()


class Suite:
    """Calls the client on a repository that it serves."""

    def __init__(self, folder, server, repository, call):
        self._call = call
        self.repository, self._server = repository, server
        self.metadata, self.targets = folder / "metadata", folder / "targets"
        self._root = folder / "initial_root.json"
        self._root.write_bytes(repository.pinned_root)
        for path in (self.metadata, self.targets):
            path.mkdir()
        server.expect_request(re.compile("/")).respond_with_handler(self._answer)

    def _answer(self, request):
        data = self.repository.files.get(request.path.removeprefix("/"))
        return Response(status=404) if data is None else Response(data)

    def run(self, *arguments):
        return self._call("--metadata-dir", self.metadata, *arguments)

    def init(self):
        return self.run("init", self._root)

    def refresh(self):
        return self.run("--metadata-url", self._server.url_for("/metadata"), "refresh")

    def download(self, *names):
        return self.run(
            *(word for name in names for word in ("--target-name", name)),
            *("--metadata-url", self._server.url_for("/metadata")),
            *("--target-base-url", self._server.url_for("/targets")),
            *("--target-dir", self.targets),
            "download",
        )

    def downloaded(self):
        return [path.read_bytes() for path in self.targets.rglob("*") if path.is_file()]

    def target_requests(self):
        return [r.path for r, _ in self._server.log if r.path.startswith("/targets/")]


@pytest.fixture(params=[in_this_process, pytest.param(in_a_process, marks=pytest.mark.system)])
def suite(request, tmp_path, httpserver):
    repository = MemoryRepository(now=datetime.now(UTC))
    repository.put(Release("1.0.0"))
    suite = Suite(tmp_path, httpserver, repository, request.param)
    assert suite.init() == 0
    return suite


def test_init_makes_no_request_and_refresh_stores_unversioned_metadata(suite, httpserver):
    assert httpserver.log == []
    assert suite.refresh() == 0
    stored = {path.name for path in suite.metadata.glob("*.json")}
    assert stored == {"root.json", "timestamp.json", "snapshot.json", "targets.json"}


def test_a_target_is_downloaded_once(suite):
    assert suite.download(TARGET) == 0
    assert suite.download(TARGET) == 0
    (listed,) = (p for p in suite.repository.files if p.endswith("manifest.json"))
    assert suite.downloaded() == [suite.repository.files[listed]]
    assert suite.target_requests() == [f"/{listed}"]


def test_the_first_target_that_fails_ends_the_download_and_leaves_nothing(suite):
    (listed,) = (p for p in suite.repository.files if p.endswith("manifest.json"))
    suite.repository.files[listed] = bytes(len(suite.repository.files[listed]))
    assert suite.download(TARGET, "gateway/1.0.0/rootfs.index") == 1
    assert suite.downloaded() == []
    assert suite.download("gateway/1.0.0/unknown") == 1


def test_a_rolled_back_repository_fails_the_refresh(suite):
    old = suite.repository.copy()
    suite.repository.publish()
    assert suite.refresh() == 0
    suite.repository = old
    assert suite.refresh() == 1
