"""Who could change what the client trusts or runs, and how the kernel was started."""

import stat
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

from ota_client.doctor.finding import Code, Finding, error, note
from ota_client.doctor.system import Setup

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "busybox", "single", "emergency.target"})
_STARTS: Final = ("init", "rdinit", "systemd.unit")
# 4 bytes of attributes, then the value (UEFI 2.10, section 3.3)
_SECURE_BOOT: Final = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def examine_hardening(setup: Setup) -> Iterator[Finding]:
    """Find doors that others left open."""
    yield from _writable(setup.settings, "the settings")
    yield from _writable(setup.config.root, "the pinned root")
    yield from _hooks(setup)
    yield from _kernel(setup)
    secure_boot = setup.system.sys / "firmware" / "efi" / "efivars" / _SECURE_BOOT
    if secure_boot.exists() and secure_boot.read_bytes()[4:5] == b"\0":
        what = "UEFI secure boot is off: whoever writes the boot partition decides what starts"
        yield note(Code.SECURE_BOOT_OFF, what, "enrol your keys and switch it on")


def _writable(file: Path, name: str) -> Iterator[Finding]:
    for path in (file, file.parent):
        if path.exists():
            mode = path.stat().st_mode
            # a folder like /tmp is sticky: others cannot exchange the file
            sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
            if mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
                what = f"{path}, {name}, has mode {stat.S_IMODE(mode):04o}: others may change it"
                yield error(Code.FILE_WRITABLE, what, f"chmod go-w {path}")


def _hooks(setup: Setup) -> Iterator[Finding]:
    hooks = setup.config.hooks
    for field in fields(hooks):
        command = getattr(hooks, field.name)
        if not isinstance(command, tuple) or not command or "/" not in command[0]:
            continue
        program = Path(command[0])
        if not program.is_file() or not program.stat().st_mode & stat.S_IXUSR:
            what = f"the hook {field.name}: expected a program at {program}, got none"
            yield error(Code.HOOK_MISSING, what, "mend [hooks], or ship the program")
        else:
            yield from _writable(program, f"the hook {field.name}")


def _kernel(setup: Setup) -> Iterator[Finding]:
    words = (setup.system.proc / "cmdline").read_text(encoding="utf-8", errors="replace").split()
    for word in words:
        key, _, value = word.partition("=")
        if word == "single" or (key in _STARTS and value.rpartition("/")[2] in _SHELLS):
            what = f"the kernel was started with {word}: a shell without a password"
            yield error(Code.BOOT_TO_SHELL, what, "mend the boot loader's kernel arguments, and lock it")
        if key == "console" and value.startswith("tty") and not value[3:4].isdigit():
            what = f"the kernel talks on the serial line {value}"
            yield note(Code.SERIAL_CONSOLE, what, "let no login prompt be there, or close the connector")
