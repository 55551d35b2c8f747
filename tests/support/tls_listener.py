"""A port that makes TLS handshakes, good or bad, and says nothing after them."""

import socket
import ssl
import threading
import warnings
from contextlib import contextmanager, suppress


@contextmanager
def listening(context):
    """The port; ``context`` is None for one that answers in plain."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), connection:
                connection.settimeout(5)
                if context is None:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                else:
                    context.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # wakes the thread up
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def old_context(files, newest):
    """As servers were once set up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
    context.load_cert_chain(files.certificate, files.key)
    return context
