"""One POST over a connection of its own, of which only the answer's head is read.

Libraries would follow redirects, resolve the name again and read bodies; and their timeouts begin anew
with each byte. Here everything ends at one deadline: whoever holds a lease must be done before it ends.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.webhook_address import WebhookAddress

TIMEOUT_S: Final = 10.0
_HEAD_MOST_BYTES: Final = 16 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |\r?$)", re.MULTILINE)
_RETRY_AFTER: Final = re.compile(
    rb"^retry-after:[ \t]*([ -~]{1,64}?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_INTERIM_BELOW: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said; its body is nobody's business."""

    status: int
    retry_after: str | None


class Deadline:
    """When everything has to be over.

    Args:
        timeout_s: from now.
        clock: monotonic seconds.
    """

    def __init__(self, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + timeout_s

    def left_s(self) -> float:
        """Seconds until it.

        Raises:
            TimeoutError: there are none.
        """
        left = self._ends - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


def post(
    to: WebhookAddress,
    addresses: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    context: Callable[[], ssl.SSLContext],
    deadline: Deadline,
) -> Answer:
    """Send a request to the first of the addresses that takes the connection.

    Args:
        to: named in the request, and in the certificate that is expected.
        addresses: of the host, as they were judged.
        headers: beside those of the connection itself.
        body: of the request.
        context: verifies the certificate; it is asked for where there is one.
        deadline: of all of it.

    Raises:
        DeliveryError: there was no answer, or none of HTTP.
    """
    try:
        with _connected(to, addresses, context, deadline) as connection:
            _send(connection, _head(to, headers, body) + body, deadline)
            return _answer(connection, deadline)
    except TimeoutError as e:
        raise DeliveryError("no answer in time") from e
    except ssl.SSLCertVerificationError as e:
        raise DeliveryError(f"the receiver's certificate is not believed: {e.verify_message}") from e
    except ssl.SSLError as e:
        raise DeliveryError(f"no TLS connection: {e.reason}") from e
    except OSError as e:
        raise DeliveryError(f"no connection: {e.strerror}") from e


def _connected(
    to: WebhookAddress,
    addresses: Sequence[str],
    context: Callable[[], ssl.SSLContext],
    deadline: Deadline,
) -> socket.socket:
    connection = _first(addresses, to.port, deadline)
    if not to.is_https:
        return connection
    try:
        # the handshake as a whole takes no longer than this
        connection.settimeout(deadline.left_s())
        return context().wrap_socket(connection, server_hostname=to.host)
    except BaseException:
        connection.close()
        raise


def _first(addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
    fault: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=deadline.left_s())
        except OSError as e:
            fault = e
    raise fault or DeliveryError("the host's name cannot be resolved")


def _head(to: WebhookAddress, headers: Mapping[str, str], body: bytes) -> bytes:
    own = {"Host": to.authority, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [
        f"POST {to.target} HTTP/1.1",
        *(f"{name}: {text}" for name, text in (own | dict(headers)).items()),
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


def _send(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    rest = memoryview(data)
    while rest:
        connection.settimeout(deadline.left_s())
        rest = rest[connection.send(rest) :]


def _answer(connection: socket.socket, deadline: Deadline) -> Answer:
    data = b""
    while True:
        head, end, after = data.partition(b"\r\n\r\n")
        if end:
            answer = _parsed(head)
            if answer.status >= _INTERIM_BELOW:
                return answer
            # such as 100: the answer itself follows
            data = after
            continue
        if len(data) > _HEAD_MOST_BYTES:
            raise DeliveryError("expected an answer of HTTP/1.1, got too long a head")
        connection.settimeout(deadline.left_s())
        more = connection.recv(4096)
        if not more:
            raise DeliveryError("the connection ended before the answer")
        data += more


def _parsed(head: bytes) -> Answer:
    status = _STATUS.match(head)
    if status is None:
        raise DeliveryError("expected an answer of HTTP/1.1, got something else")
    retry_after = _RETRY_AFTER.search(head)
    return Answer(int(status[1]), retry_after[1].decode("ascii") if retry_after else None)
