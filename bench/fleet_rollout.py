"""Ten thousand simulated devices through five waves, with a server process killed in the middle."""

import sys
from pathlib import Path
from typing import Final

from bench.figure import Figure
from bench.process import ROOT

_DEVICES: Final = 10_000
_QUICK_DEVICES: Final = 200


def measure(folder: Path, *, quick: bool) -> list[Figure]:  # noqa: ARG001 - a socket needs a short path
    """Measure a rollout that goes well, and one that does not; ``quick`` takes few devices."""
    # the server with its operator, and the audit of what it acknowledged, are the tests'
    sys.path.append(str(ROOT / "tests"))
    from bench.simulated_rollout import going_badly, going_well  # noqa: PLC0415 - needs the path

    devices = _QUICK_DEVICES if quick else _DEVICES
    pace = {"time_factor": 200.0 if quick else 10.0, "network_fault_share": 0.01}
    return [*going_well(devices, pace), *going_badly(max(devices // 10, _QUICK_DEVICES), pace)]
