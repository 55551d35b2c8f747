"""The initramfs of an image with a verity root: busybox, veritysetup, and the modules."""

import gzip
import shutil
import subprocess
from pathlib import Path
from typing import Final

from vm.guest_root import GUEST

# what veritysetup is linked with
_LIBRARIES: Final = (
    *(
        "libargon2",
        "libblkid",
        "libc",
        "libcrypto",
        "libcryptsetup",
        "libdevmapper",
        "libjson-c",
        "libm",
    ),
    *("libpcre2-8", "libpopt", "libselinux", "libudev", "libuuid"),
)
_MODULES: Final = ("dax", "dm-mod", "dm-bufio", "reed_solomon", "dm-verity")


def make_initramfs(root: Path, work: Path) -> bytes:
    """Make it from the guest's root folder.

    Args:
        root: the guest's root.
        work: a folder to make it in; replaced.
    """
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("bin", "sbin", "lib", "modules", "proc", "sys", "dev"):
        (work / folder).mkdir(parents=True)
    shutil.copy(root / "bin" / "busybox", work / "bin")
    shutil.copy(root / "sbin" / "veritysetup", work / "sbin")
    shutil.copy(next(root.glob("lib/ld-linux-*.so.*")), work / "lib")
    for name in _LIBRARIES:
        # the loader looks by the name with the first number, a link to the file
        for library in (*root.glob(f"lib/*/{name}.so.*"), *root.glob(f"usr/lib/*/{name}.so.*")):
            shutil.copy(library, work / "lib" / library.name)
    for name in _MODULES:
        shutil.copy(next(root.glob(f"lib/guest-modules/*-{name}.ko")), work / "modules")
    shutil.copy(GUEST / "initramfs-init", work / "init")
    (work / "init").chmod(0o755)
    return gzip.compress(_archive(work), 1, mtime=0)


def _archive(folder: Path) -> bytes:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    command = ["busybox", "cpio", "-o", "-H", "newc"]
    text = "\n".join(names) + "\n"
    return subprocess.run(
        command,
        cwd=folder,
        input=text.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    ).stdout
