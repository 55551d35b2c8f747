"""A device as a process: ``python -m bench.device install|check SETTINGS``.

Prints what it cost, as far as only the process itself knows it, as JSON.
"""

import json
import sys
import time
from pathlib import Path

from bench.own_process import peak_rss_bytes, written_bytes
from ota_client import DeviceConfig, OtaClient, Progress, open_ports
from ota_client.progress import Stage


class ReadBack:
    """Measures the CPU time from the first to the last region that is read back."""

    def __init__(self) -> None:
        self._began_s = 0.0
        self.cpu_s = 0.0

    def __call__(self, progress: Progress) -> None:
        """Take note of a region."""
        if progress.stage is Stage.VERIFYING:
            now_s = time.process_time()
            self._began_s = self._began_s or now_s
            self.cpu_s = now_s - self._began_s


def main() -> None:
    """Check, or install what is on the device's channel."""
    config = DeviceConfig.load(Path(sys.argv[2]))
    client = OtaClient(config, open_ports(config))
    read_back = ReadBack()
    if sys.argv[1] == "install":
        client.install(progress=read_back)
    else:
        client.check()
    costs = {
        "read_back_cpu_s": read_back.cpu_s,
        "peak_rss_bytes": peak_rss_bytes(),
        "written_bytes": written_bytes(),
    }
    sys.stdout.write(json.dumps(costs))


if __name__ == "__main__":
    main()
