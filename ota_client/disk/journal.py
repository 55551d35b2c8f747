"""Past the journal of a file system: for boot loaders, which read a disk without replaying it."""

import errno
import fcntl
import os
import signal
from typing import Final

# linux/fs.h: _IOWR('X', 119, int) and _IOWR('X', 120, int)
_FIFREEZE: Final = 0xC0045877
_FITHAW: Final = 0xC0045878


def flush_journal(descriptor: int) -> None:
    """Write all that the journal of an open file's file system holds to where it belongs.

    ``fsync`` leaves names and sizes in the journal; that of a frozen file system is empty.

    Raises:
        OSError: the file system cannot be frozen, such as by a user who is not root.
    """
    # whoever ended between the two calls would leave the file system frozen
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        fcntl.ioctl(descriptor, _FIFREEZE, 0)
        fcntl.ioctl(descriptor, _FITHAW, 0)
    except OSError as e:
        # FAT, for one, has no journal and does not freeze
        if e.errno not in {errno.EOPNOTSUPP, errno.ENOTTY}:
            raise
        os.sync()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
