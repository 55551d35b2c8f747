"""The guest's root folder: Debian's packages and PyPI's wheels, unpacked and never run here.

No step needs root rights, a mount or an emulator: packages of another architecture are unpacked as they
are. The result is cached in ``build/vm``, keyed by all it is made from.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
GUEST: Final = Path(__file__).parent / "guest"
CACHE: Final = PROJECT / "build" / "vm"

_PACKAGES: Final = (
    "busybox-static",
    "cryptsetup-bin",
    "libubootenv-tool",
    "python3.11-minimal",
    "libpython3.11-stdlib",
)
# for the guest's disk these count; documentation would double it
_EXCLUDED: Final = ("/usr/share/*", "/usr/lib/python3.11/pydoc_data/*", "/usr/lib/*/perl*", "/var/*")
# what packages depend on and the guest never runs; busybox does their work
_PRUNED: Final = (
    *("boot/System.map*", "boot/config*", "lib/modules", "lib/systemd", "lib/udev", "etc/apt"),
    *("usr/lib/python3.11/lib2to3", "usr/lib/python3.11/unittest", "usr/lib/python3.11/test"),
    *("usr/lib/*/gconv", "usr/lib/*/perl*", "usr/lib/*/krb5", "usr/lib/klibc", "lib/klibc*", "var"),
    *("usr/lib/*/libgmp*", "usr/lib/*/libdb-*", "usr/lib/*/libsqlite3*", "usr/lib/*/ossl-modules"),
    *("usr/lib/linux-image-*", "lib/*/security", "usr/lib/*/libkrb5*", "usr/lib/*/libgssapi*"),
    *("lib/*/libsepol*", "lib/*/libncurses*", "lib/*/libreadline*", "usr/lib/python3.11/asyncio"),
)
_GUEST_PYTHON: Final = (3, 11)
_KEPT_PROGRAMS: Final = frozenset({"busybox", "python3.11", "fw_printenv", "fw_setenv", "veritysetup"})
_MODULES: Final = (
    *("drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev"),
    *("drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci", "net/core/failover"),
    *("drivers/net/net_failover", "drivers/net/virtio_net", "drivers/firmware/qemu_fw_cfg"),
    *("drivers/char/tpm/tpm_tis_core", "drivers/char/tpm/tpm_tis"),
    *("drivers/dax/dax", "drivers/md/dm-mod", "drivers/md/dm-bufio", "lib/reed_solomon/reed_solomon"),
    *("drivers/md/dm-verity", "fs/fat/fat", "fs/fat/vfat", "fs/nls/nls_cp437", "fs/nls/nls_ascii"),
)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A processor: what Debian calls it, what wheels call it."""

    debian: str
    wheels: str


ARM64: Final = Architecture("arm64", "aarch64")
AMD64: Final = Architecture("amd64", "x86_64")


def guest_root(architecture: Architecture) -> Path:
    """The folder with the guest's root, without our client; made on the first call."""
    requirements = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    folder = CACHE / f"root-{architecture.debian}-{_key(requirements)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        # two test processes want the same one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for outdated in CACHE.glob(f"root-{architecture.debian}-*"):
                shutil.rmtree(outdated)
            _build(folder, architecture, requirements)
    return folder


def _build(folder: Path, architecture: Architecture, requirements: list[str]) -> None:
    unfinished = CACHE / f"unfinished-{architecture.debian}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    _unpack_packages(unfinished, architecture)
    _install_wheels(unfinished, architecture, requirements)
    _prune(unfinished)
    compile_python(unfinished, "usr/lib")
    unfinished.rename(folder)


def compile_python(root: Path, folder: str) -> None:
    """Compile the guest's Python, for it cannot: its root is read-only. Python 3.11 as in the guest.

    What is compiled is left out: every megabyte of an image is written in each test.
    """
    # unchecked: the same bytes whenever it is made
    mode = ("-b", "--invalidation-mode", "unchecked-hash")
    command = (_python(), "-m", "compileall", "-q", "-j", "2", *mode, "-s", str(root))
    # some files of the standard library are for other Pythons and do not compile
    subprocess.run([*command, str(root / folder)], check=False, stdout=subprocess.DEVNULL)
    for source in (root / folder).rglob("*.py"):
        if source.with_suffix(".pyc").exists():
            source.unlink()


def _python() -> str:
    if sys.version_info[:2] == _GUEST_PYTHON:
        return sys.executable
    found = shutil.which("python3.11")
    assert found, "expected Python 3.11, as in the guest; install it with: apt-get install python3.11"
    return found


def _key(requirements: list[str]) -> str:
    pinned = (PROJECT / "constraints.txt").read_text()
    made_from = (Path(__file__).read_text(), pinned, *requirements)
    return hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:12]


def _unpack_packages(root: Path, architecture: Architecture) -> None:
    packages = (*_PACKAGES, f"linux-image-cloud-{architecture.debian}")
    options = [f"--dpkgopt=path-exclude={path}" for path in _EXCLUDED]
    archive = root.with_suffix(".tar")
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--arch={architecture.debian}"]
    # no emulator is asked for: nothing of the guest runs here
    command += [
        "--skip=check/qemu",
        f"--include={','.join(packages)}",
        *options,
        "bookworm",
        str(archive),
    ]
    _run(command)
    _run(["tar", "--extract", "--no-same-owner", "--file", str(archive), "--directory", str(root)])
    archive.unlink()


def _install_wheels(root: Path, architecture: Architecture, requirements: list[str]) -> None:
    names = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
    platforms = [f"--platform={name}_{architecture.wheels}" for name in names]
    python = ("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3")
    target = root / "usr" / "lib" / "python3" / "dist-packages"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"]
    command += ["--target", str(target), *platforms, *python]
    _run([*command, "--constraint", str(PROJECT / "constraints.txt"), *requirements])


def _prune(root: Path) -> None:
    (modules,) = root.glob("lib/modules/*/kernel")
    kept = root / "lib" / "guest-modules"
    kept.mkdir()
    for number, name in enumerate(_MODULES):
        source = modules / f"{name}.ko"
        if source.exists():
            source.rename(kept / f"{number:02}-{source.name}")
    (kernel,) = root.glob("boot/vmlinuz-*")
    kernel.rename(root / "boot" / "vmlinuz")
    for pattern in _PRUNED:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in ("bin", "sbin", "usr/bin", "usr/sbin"):
        for path in (root / folder).iterdir():
            if path.name not in _KEPT_PROGRAMS:
                path.unlink()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stderr}"
