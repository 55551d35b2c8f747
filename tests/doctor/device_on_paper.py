"""A device that is well, in a folder: its settings, and what /proc, /sys, /dev and /etc say of it."""

import json
from datetime import UTC, datetime
from pathlib import Path

from ota_client.config import DeviceConfig
from ota_client.disk.storage import DiskStorage
from ota_client.doctor.examination import DeviceDiagnosis, examine
from ota_client.doctor.system import Setup, System

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MIB = 1024 * 1024
SETTINGS = """
product = "gateway"
hardware_id = "gw-rev2"
channel = "stable"
root = "root.json"
urls = ["https://one.example/", "https://two.example/"]
state_dir = "data/state"

[firmware]
version = "1.0.0"
rollback_index = 1
built_at = "2026-11-01T00:00:00Z"

[slots.A]
rootfs = "dev/mmcblk0p2"

[slots.B]
rootfs = "dev/mmcblk0p3"

[boot]
control = "file"
record = "data/boot"
booted_file = "booted"
"""
HEADER = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
)


class DeviceOnPaper:
    """The device; each verb changes one thing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.user_id = folder, NOW, folder.stat().st_uid
        self.system = System(*(folder / name for name in ("proc", "sys", "dev", "etc")))
        self.settings = SETTINGS
        self.write("root.json", json.dumps(root()))
        self.write("booted", "A\n")
        (folder / "data" / "state").mkdir(parents=True, mode=0o700)
        self.disk = folder / "sys" / "devices" / "mmcblk0"
        self.partition("mmcblk0p2", "179:2", start=16 * MIB, size_bytes=64 * MIB)
        self.partition("mmcblk0p3", "179:3", start=80 * MIB, size_bytes=64 * MIB)
        self.partition("mmcblk0p4", "179:4", start=144 * MIB, size_bytes=64 * MIB)
        self.mounts(("179:2", "/", "ext4", "ro"), ("179:4", folder / "data", "ext4", "rw"))
        self.write("proc/cmdline", "root=/dev/mmcblk0p2 ro quiet\n")
        for table in ("tcp", "tcp6", "udp", "udp6"):
            self.write(f"proc/net/{table}", f"{HEADER}\n")
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        self.write("etc/shadow", "root:!:19000::::::\ndaemon:*:19000::::::\n").chmod(0o640)
        (folder / "sys" / "class" / "rtc" / "rtc0").mkdir(parents=True)
        self.config.boot.open(DiskStorage(), ("A", "B")).provision("A")

    @property
    def config(self) -> DeviceConfig:
        return DeviceConfig.parse(self.settings, folder=self.folder)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def change(self, old: str, new: str) -> None:
        """Change the settings."""
        assert old in self.settings
        self.settings = self.settings.replace(old, new)

    def change_root(self, **changes: object) -> None:
        self.write("root.json", json.dumps(root(**changes)))

    def partition(self, name: str, number: str, *, start: int, size_bytes: int) -> None:
        self.write(f"dev/{name}", "")
        facts = {"dev": number, "partition": "1", "start": start // 512, "size": size_bytes // 512}
        for fact, value in facts.items():
            self.write(f"sys/devices/mmcblk0/{name}/{fact}", f"{value}\n")
        entry = self.folder / "sys" / "class" / "block" / name
        entry.parent.mkdir(parents=True, exist_ok=True)
        if not entry.is_symlink():
            entry.symlink_to(self.disk / name)

    def mounts(self, *mounts: tuple[str, object, str, str]) -> None:
        """Device, mount point, file system, options."""
        lines = [
            f"{30 + n} 1 {device} / {point} {options},relatime shared:1 - {kind} source {options}\n"
            for n, (device, point, kind, options) in enumerate(mounts)
        ]
        self.write("proc/self/mountinfo", "".join(lines))

    def listen(self, table: str, address: str, port: int, inode: str = "77") -> None:
        state = "0A" if table.startswith("tcp") else "07"
        row = f"   0: {address}:{port:04X} 0:0 {state} 0:0 00:0 0 0 0 {inode} 1"
        self.write(f"proc/net/{table}", f"{HEADER}\n{row}\n")

    def examine(self) -> DeviceDiagnosis:
        settings = self.write("ota-client.toml", self.settings)
        return examine(Setup(self.config, settings, self.now, self.user_id, self.system))


def root(**changes: object) -> dict[str, object]:
    """What the doctor reads of a root."""
    roles = {
        "root": {"keyids": ["a", "b", "c"], "threshold": 2},
        "targets": {"keyids": ["a", "b", "c"], "threshold": 2},
        "snapshot": {"keyids": ["s"], "threshold": 1},
        "timestamp": {"keyids": ["t"], "threshold": 1},
    }
    signed = {"_type": "root", "version": 1, "expires": "2027-11-22T00:00:00Z", "roles": roles}
    return {"signed": {**signed, **changes}, "signatures": []}
