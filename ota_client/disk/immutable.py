"""The immutable flag, which Linux sets on each EFI variable whose name it does not know."""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# linux/fs.h: _IOR('f', 1, long) and _IOW('f', 2, long), yet what is passed is an int; the numbers are
# those of x86, Arm, RISC-V and LoongArch, which are the architectures that have EFI
_LONG_BYTES: Final = struct.calcsize("l")
_GETFLAGS: Final = 0x80006601 | _LONG_BYTES << 16
_SETFLAGS: Final = 0x40006602 | _LONG_BYTES << 16
_IMMUTABLE: Final = 0x10
_INT: Final = struct.Struct("i")


@contextmanager
def mutable(path: str) -> Iterator[None]:
    """Let a file be written or removed; the flag that guarded it is set again.

    Raises:
        OSError: this process may not change the flag.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        flags = _flags(descriptor)
        if not flags & _IMMUTABLE:
            yield
            return
        fcntl.ioctl(descriptor, _SETFLAGS, _INT.pack(flags & ~_IMMUTABLE))
        try:
            yield
        finally:
            fcntl.ioctl(descriptor, _SETFLAGS, _INT.pack(flags))
    finally:
        os.close(descriptor)


def _flags(descriptor: int) -> int:
    try:
        (flags,) = _INT.unpack(fcntl.ioctl(descriptor, _GETFLAGS, bytes(_INT.size)))
    except OSError as e:
        # a file system without flags
        if e.errno not in {errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL}:
            raise
        return 0
    return int(flags)
