"""Where the server listens: an address of the network, a Unix socket for a proxy, or both."""

import os
import socket
import ssl
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from ota_server.errors import ListenError

# whoever may connect is believed only if it is the proxy's account (SO_PEERCRED)
_SOCKET_MODE = 0o666
_CONNECT_S = 1.0


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens.

    Attributes:
        context: of TLS; None without.
        path: of a Unix socket.
    """

    socket: socket.socket
    context: ssl.SSLContext | None = None
    path: Path | None = None

    @property
    def address(self) -> str:
        """For people, and for programs that connect."""
        if self.path is not None:
            return f"unix:{self.path}"
        host, port = self.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.context else 'http'}://{shown}:{port}"

    def close(self) -> None:
        """Stop listening; the Unix socket's file goes too."""
        self.socket.close()
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()


def listen_on_network(
    host: str, port: int, context: ssl.SSLContext | None, *, reuse_port: bool
) -> Listener:
    """Listen on an address of this machine.

    Args:
        host: a name or address of this machine.
        port: 0 for a free one.
        context: of TLS.
        reuse_port: other processes may listen there too; the kernel spreads connections.

    Raises:
        ListenError: the address is taken or not this machine's.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # "::" is everywhere, for IPv4 too, whatever the machine's own default (net.ipv6.bindv6only)
        both = address[0] == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(
            address[:2], family=family, reuse_port=reuse_port, dualstack_ipv6=both
        )
    except OSError as e:
        # asyncio's and socket's own words name the address once more
        why = e.strerror if isinstance(e, socket.gaierror) else os.strerror(e.errno or 0)
        raise ListenError(
            f"{host}:{port} cannot be listened on: {why}; choose with --host and --port"
        ) from e
    # Connections inherit it. asyncio sets it only for sockets made with IPPROTO_TCP by name, and without
    # it each small answer waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Listener(listener, context)


def listen_on_socket(path: Path) -> Listener:
    """Listen on a Unix socket; one that a killed process left behind is replaced.

    Raises:
        ListenError: another process listens there, or the path cannot be used.
    """
    with ExitStack() as on_failure:
        listener = on_failure.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            _remove_left_over(path)
            listener.bind(str(path))
            path.chmod(_SOCKET_MODE)
            listener.listen(2048)
        except OSError as e:
            raise ListenError(f"{path} cannot be listened on: {e.strerror or e}") from e
        on_failure.pop_all()
    return Listener(listener, path=path)


def _remove_left_over(path: Path) -> None:
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise ListenError(f"{path} cannot be listened on: it is there and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ListenError(f"{path} cannot be listened on: another process does")
