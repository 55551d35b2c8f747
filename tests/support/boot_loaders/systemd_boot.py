"""systemd-boot, as its source does it (src/boot/boot.c): which entry it takes, and how it counts tries.

It shares no code with the boot control. ``tests/bootcontrol/test_real_systemd_boot.py`` starts the real
one on the same folders.
"""

import re
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import PurePath

from ota_client.errors import BootControlError
from ota_client.testing import NameSynced, Renamed

FOLDER = "/efi/loader/entries"
TEMPLATE = "title Gateway\nlinux /gateway/{slot}/vmlinuz\noptions root=PARTLABEL=rootfs-{slot} ro\n"
SETTINGS = f'control = "systemd-boot"\nfolder = "{FOLDER}"\nentry = """\n{TEMPLATE}"""\n'


@dataclass(frozen=True)
class Found:
    """An entry that systemd-boot lists."""

    name: str
    keys: dict[str, str]
    prefix: str
    tries_left: int | None
    tries_done: int

    @property
    def next_name(self):
        return f"{self.prefix}+{max(self.tries_left - 1, 0)}-{self.tries_done + 1}.conf"


class SystemdBoot:
    """The boot loader over a simulated disk."""

    def __init__(self, folder=FOLDER):
        self.folder = PurePath(folder)

    def prepare(self, storage):
        """Its installation leaves a menu that never waits."""
        storage.create(str(self.folder.parent / "loader.conf"), b"timeout 0\neditor no\n")

    def start(self, storage):
        found = choose({PurePath(p).name: data for p, data in self._files(storage)})
        if found.tries_left is not None:
            # the firmware's FAT driver writes both names, which lie in one sector, then is told to flush
            old, new = str(self.folder / found.name), str(self.folder / found.next_name)
            if new != old:
                storage.apply(Renamed(old, new))
                storage.apply(NameSynced(new))
        return re.search(r"\bratchet\.slot=(\w+)", found.keys["options"])[1]

    def _files(self, storage):
        files = storage.files().items()
        return [(path, data) for path, data in files if PurePath(path).parent == self.folder]


def choose(files):
    """The entry that is started, of a folder's files; if there is no other, one without tries."""
    entries = sorted(filter(None, (parse(*file) for file in files.items())), key=cmp_to_key(compare))
    if not entries:
        raise BootControlError("expected a boot entry, got none; the device does not start")
    return entries[0]


def parse(name, data):
    if not name.lower().endswith(".conf") or name.startswith((".", "auto-")):
        return None
    keys = {}
    for line in re.split(rb"[\n\r]", data.partition(b"\0")[0]):
        stripped = line.strip(b" \t")
        if not stripped or stripped.startswith(b"#"):
            continue
        key, _, value = stripped.replace(b"\t", b" ").partition(b" ")
        if value:
            text = value.strip().decode("latin-1")
            old = keys.get(key.decode("latin-1"))
            keys[key.decode("latin-1")] = f"{old} {text}" if key == b"options" and old else text
    if not {"linux", "efi", "uki"} & set(keys):
        return None
    counted = re.fullmatch(r"(.*)\+(\d+)(?:-(\d+))?\.conf", name)
    if counted is None:
        return Found(name, keys, name, None, 0)
    return Found(name, keys, counted[1], int(counted[2]), int(counted[3] or 0))


def compare(a, b):
    """boot_entry_compare: the entry that comes first is started."""
    steps = [
        (a.tries_left == 0) - (b.tries_left == 0),
        ("sort-key" not in a.keys) - ("sort-key" not in b.keys),
    ]
    if "sort-key" in a.keys and "sort-key" in b.keys:
        steps += [
            order(a.keys["sort-key"], b.keys["sort-key"]),
            order(a.keys.get("machine-id", ""), b.keys.get("machine-id", "")),
            -order(int(a.keys.get("version", -1)), int(b.keys.get("version", -1))),
        ]
    steps.append(-order(identity(a), identity(b)))
    # of two entries of one slot, 252 takes the trial, as it compares names with their counters; newer
    # versions leave it open
    steps.append((a.tries_left is None) - (b.tries_left is None))
    if a.tries_left is not None and b.tries_left is not None:
        steps += [-order(a.tries_left, b.tries_left), order(a.tries_done, b.tries_done)]
    return next((step for step in steps if step), 0)


def identity(found):
    return (found.name if found.tries_left is None else f"{found.prefix}.conf").lower()


def order(a, b):
    return (a > b) - (a < b)
