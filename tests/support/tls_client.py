"""A client of HTTP/1.1 over TLS that shows a certificate, resumes sessions, and sends any header."""

import json
import socket
import ssl
from contextlib import contextmanager

REQUEST = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n%s\r\n"


def client_context(authority, identity=None, version=None):
    """Trusts a server's authority, and shows an identity's certificate."""
    context = ssl.create_default_context(cafile=authority)
    if identity is not None:
        context.load_cert_chain(identity)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


@contextmanager
def connected(address, context, session=None):
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as connection,
    ):
        yield connection


def ask(connection, headers=b""):
    """One request on a connection: the status and the answer."""
    connection.sendall(REQUEST % headers)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if lengths:
        length = int(lengths[0].split(b":")[1])
        while len(body) < length:
            body += _more(connection)
        return status, json.loads(body) if body.startswith(b"{") else body
    while not body.endswith(b"0\r\n\r\n"):
        body += _more(connection)
    return status, json.loads(body.split(b"\r\n")[1])


def whoami(address, context, headers=b"", session=None):
    """Who the server takes us for, and the session to resume."""
    with connected(address, context, session) as connection:
        _, answer = ask(connection, headers)
        return answer, connection.session, connection.session_reused


def _more(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError("the server hung up")
    return data
