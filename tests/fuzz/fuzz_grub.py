"""Any files are GRUB's boot state, or a BootControlError of one line.

python tests/fuzz/fuzz_grub.py -runs=10000
"""

import hashlib
from pathlib import Path

from fuzzing import fuzz, watched

with watched():
    from ota_client.bootcontrol.grub.control import GrubSettings
    from ota_client.errors import BootControlError
    from ota_client.testing import SimulatedStorage


def target(data: bytes) -> None:
    # a checksum that holds, so that what it covers is read
    checksum = f"{hashlib.sha256(data).hexdigest()}  ratchet-0.env\n".encode()
    files = {"ratchet-0.env": data, "ratchet-0.sum": checksum, "ratchet-tries.env": data}
    control = GrubSettings(Path("/grub")).open(
        SimulatedStorage({f"/grub/{name}": content for name, content in files.items()}),
        ("A", "B"),
        lambda: "A",
    )
    try:
        status = control.status()
    except BootControlError as e:
        if "\n" in str(e):
            raise AssertionError("an error of more than one line") from e
        return
    assert set(status.slots) == {"A", "B"}
    assert status.primary is None or status.slots[status.primary].bootable


if __name__ == "__main__":
    fuzz(target)
