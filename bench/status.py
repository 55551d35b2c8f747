"""`ota-client status`, which a device's own programs ask often, beside Python doing nothing."""

from pathlib import Path
from statistics import median
from typing import Final

from bench import process
from bench.figure import Figure
from ota_client.testing.simulator import SETTINGS, SimulatedDeviceFolder, settings_text

_BARE: Final = "python -c pass"
_KIB_A_MIB: Final = 1024
# Of the process itself, at its end: getrusage would tell a parent's peak too.
_TELL_PEAK: Final = (
    "; print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
)
_STATUS: Final = (
    "import sys; from ota_client.cli import main; "
    "main(['--config', sys.argv[1], 'status', '--json'], standalone_mode=False)"
)


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure the status of a device; ``quick`` takes one repetition."""
    settings = _device(folder / "device")
    runs = process.interleaved(
        1 if quick else 9,
        status=lambda: process.run("-c", _STATUS + _TELL_PEAK, str(settings)),
        nothing=lambda: process.run("-c", "pass" + _TELL_PEAK),
    )
    status, nothing = runs["status"], runs["nothing"]
    return [
        Figure(
            "status",
            "CPU of `ota-client status`",
            process.cpu_s(status),
            "s",
            _BARE,
            process.cpu_s(nothing),
        ),
        Figure("status", "peak RSS of it", _peak_mib(status), "MiB", _BARE, _peak_mib(nothing)),
    ]


def _device(folder: Path) -> Path:
    text = settings_text(
        product="gateway",
        hardware_id="gw-rev2",
        channel="stable",
        urls=("https://updates.example/",),
        version="1.0.0",
        rollback_index=1,
        images=("boot", "rootfs", "app"),
        network="",
    )
    SimulatedDeviceFolder(folder).create(text, slot_bytes=1, factory={})
    return folder / SETTINGS


def _peak_mib(runs: list[process.Usage]) -> float:
    return median(int(usage.output.splitlines()[-1]) for usage in runs) / _KIB_A_MIB
