"""Carries one command at a time to a TPM 2.0: by the kernel's device file, or to swtpm's socket."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from ota_client.errors import CounterUnavailableError

# Linux' driver and every TPM: no command or answer is longer (TPM_BUFSIZE)
BUFFER_BYTES: Final = 4096
_HEADER_BYTES: Final = 10
_TIMEOUT_S: Final = 30.0
_SIMULATED: Final = "swtpm:"


class Transport(Protocol):
    """An open line to a TPM."""

    def exchange(self, command: bytes) -> bytes:
        """Send a command and wait for its answer.

        Raises:
            CounterUnavailableError: the TPM does not answer.
        """


@contextmanager
def connect(device: str) -> Iterator[Transport]:
    """Open a line to a TPM.

    Args:
        device: a device file, ``swtpm:HOST:PORT`` or ``swtpm:PATH``.

    Raises:
        CounterUnavailableError: there is no TPM, or another program holds it.
    """
    with _unavailable(device):
        if device.startswith(_SIMULATED):
            with _socket(device.removeprefix(_SIMULATED)) as line:
                yield SocketTransport(line)
            return
        # the kernel ends every command by itself, after the TPM's own time limits
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            yield DeviceTransport(descriptor)
        finally:
            os.close(descriptor)


class DeviceTransport:
    """A TPM behind ``/dev/tpmrm0`` or ``/dev/tpm0``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def exchange(self, command: bytes) -> bytes:
        """One write is one command, one read one answer."""
        os.write(self._descriptor, command)
        return os.read(self._descriptor, BUFFER_BYTES)


class SocketTransport:
    """A simulated TPM behind a socket; commands and answers follow each other without frames."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def exchange(self, command: bytes) -> bytes:
        """The answer's own header tells its length."""
        self._line.sendall(command)
        answer = self._receive(_HEADER_BYTES)
        length = min(int.from_bytes(answer[2:6], "big"), BUFFER_BYTES)
        return answer + self._receive(length - len(answer))

    def _receive(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self._line.recv(length - len(data))
            if not more:
                raise ConnectionResetError(errno.ECONNRESET, "it hung up in the middle of an answer")
            data += more
        return data


def _socket(address: str) -> socket.socket:
    family = socket.AF_UNIX if address.startswith("/") else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    line.settimeout(_TIMEOUT_S)
    try:
        if family == socket.AF_UNIX:
            line.connect(address)
        else:
            host, _, port = address.rpartition(":")
            line.connect((host, int(port)))
    except OSError:
        line.close()
        raise
    return line


@contextmanager
def _unavailable(device: str) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise CounterUnavailableError(
            f"{device}: expected a TPM 2.0, got: {e.strerror or e}; look at the device file, its "
            "permissions, and whether another program holds it"
        ) from e
