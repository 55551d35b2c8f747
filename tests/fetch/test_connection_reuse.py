"""One connection serves a whole check, as a TLS handshake costs the server more than the answer."""

import pytest
from hostile_server import hostile_server, http

from ota_client.errors import HttpStatusError

LONG = b"x" * 20_000


@pytest.mark.parametrize(("body", "connections"), [(b"", 1), (b"not here", 1), (LONG, 2)])
def test_a_404_keeps_the_connection_unless_its_body_is_long(fetcher, body, connections):
    seen = set()

    def script(connection, head):
        seen.add(connection)
        found = "timestamp" in head
        connection.sendall(http(b"metadata") if found else http(body, status="404 Not Found"))

    with hostile_server(script) as server:
        with pytest.raises(HttpStatusError, match="got 404"):
            fetcher.get(f"{server.url}/2.root.json", max_bytes=1000)
        assert fetcher.get(f"{server.url}/timestamp.json", max_bytes=1000) == b"metadata"
    assert len(seen) == connections
