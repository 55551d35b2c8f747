"""The benches run; their figures are for `make bench`, as no test asserts a time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.system
@pytest.mark.parametrize(
    "bench",
    [
        "start",
        "status",
        "install",
        "slot-group",
        "check",
        "repository",
        "power",
        "check-in",
        "fleet-rollout",
        "deliveries",
        "pages",
    ],
)
def test_a_quick_bench_measures_every_figure_beside_its_peer(bench, tmp_path):
    output = tmp_path / "bench.json"
    command = [sys.executable, "-m", "bench", "--quick", "--only", bench, "--output", output]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    figures = json.loads(output.read_text())["figures"]
    assert figures
    for figure in figures:
        assert figure["peer"]
        assert f"{bench}: {figure['name']}" in found.stdout
