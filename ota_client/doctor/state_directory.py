"""The state directory: it must outlive power cuts, updates and other users' hands."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ota_client.disk.record import Record
from ota_client.disk.storage import DiskStorage
from ota_client.doctor.block_devices import numbers_below
from ota_client.doctor.finding import Code, Finding, error, note, warning
from ota_client.doctor.mounts import Mount, mount_of, read_mounts
from ota_client.doctor.slots import slot_of_number
from ota_client.doctor.system import Setup
from ota_client.errors import OtaError
from ota_client.state import StateStore

_VOLATILE: Final = frozenset({"tmpfs", "ramfs", "rootfs", "devtmpfs", "zram"})
_OVERLAYS: Final = frozenset({"overlay", "aufs", "unionfs"})
_REMOTE: Final = frozenset(
    {"9p", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "vboxsf", "fuse.sshfs", "ceph", "afs"}
)
_NO_BARRIER: Final = frozenset({"nobarrier", "barrier=0"})
_ELSEWHERE: Final = "put state_dir on a partition of its own, ext4 or f2fs"


def examine_state_directory(setup: Setup) -> Iterator[Finding]:
    """Find what is wrong with the state directory."""
    path = setup.config.state_dir
    yield from _folder(setup, path)
    mount = mount_of(_existing(path).resolve(), read_mounts(setup.system.proc))
    if mount is not None:
        yield from _place(path, mount)
        slots = slot_of_number(setup)
        for number in numbers_below(setup.system, mount.device) & set(slots):
            what = f"{path} lies in slot {slots[number]}: an update or a fallback takes it away"
            yield error(Code.STATE_IN_SLOT, what, _ELSEWHERE)
    try:
        StateStore(Record(DiskStorage(), str(path / "state"))).load()
    except OtaError as e:
        yield error(Code.STATE_UNREADABLE, str(e), "docs/how-to/recover-a-device.md")


def _folder(setup: Setup, path: Path) -> Iterator[Finding]:
    try:
        status = path.lstat()
    except OSError as e:
        what = f"{path}: {e.strerror}"
        yield note(Code.STATE_MISSING, what, "the client makes it when it first runs")
        return
    if not stat.S_ISDIR(status.st_mode):
        what = f"{path} is no folder, or a link to one"
        yield error(Code.STATE_LINK, what, "name the folder itself in state_dir")
        return
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = f"{path} has mode {stat.S_IMODE(status.st_mode):04o}: others may look or write"
        yield error(Code.STATE_MODE, what, f"chmod 0700 {path}")
    if status.st_uid not in {0, setup.user_id}:
        what = f"{path} belongs to user {status.st_uid}"
        yield error(Code.STATE_OWNER, what, f"chown root {path}")


def _place(path: Path, mount: Mount) -> Iterator[Finding]:
    where = f"{path} lies on {mount.file_system} (mounted at {mount.point})"
    if mount.file_system in _VOLATILE:
        yield error(Code.STATE_VOLATILE, f"{where}: gone at the next start", _ELSEWHERE)
    if mount.file_system in _OVERLAYS:
        what = f"{where}: whether it survives, and in which order it is written, hangs on what is below"
        yield warning(Code.STATE_OVERLAY, what, _ELSEWHERE)
    if mount.file_system in _REMOTE:
        what = f"{where}: what was synced may not be on a medium"
        yield error(Code.STATE_REMOTE, what, _ELSEWHERE)
    if not mount.writable:
        yield error(Code.STATE_READ_ONLY, f"{where}, read-only", _ELSEWHERE)
    if mount.options & _NO_BARRIER:
        what = f"{where} without barriers: a power cut may reorder what was written"
        yield error(Code.STATE_NO_BARRIER, what, "mount it without nobarrier")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
