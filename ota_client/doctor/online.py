"""Do the repository and the update server answer? Needs a network, and is done only when asked for."""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from ota_client.doctor.finding import Code, Finding, error
from ota_client.doctor.system import Setup
from ota_client.doctor.update_server import identity_of
from ota_client.errors import HttpStatusError, OtaError
from ota_client.fleet.server import UpdateServer

_MOST_BYTES: Final = 64 * 1024


def examine_repository(setup: Setup) -> Iterator[Finding]:
    """Fetch one small file from each address, over the device's own TLS settings."""
    from ota_client.fetch import HttpFetcher  # noqa: PLC0415 requests is large

    try:
        fetcher = HttpFetcher(setup.config.http)
    except OtaError as e:
        yield error(Code.REPOSITORY_UNREACHABLE, str(e), "mend [network]")
        return
    for url in setup.config.urls:
        try:
            fetcher.get(f"{url}metadata/timestamp.json", max_bytes=_MOST_BYTES)
        except OtaError as e:
            way_out = "look at the address, its certificate, and the way there"
            yield error(Code.REPOSITORY_UNREACHABLE, f"{url}: {e} [{e.code}]", way_out)


def examine_server_online(setup: Setup) -> Iterator[Finding]:
    """Ask the update server whether it knows this device."""
    from ota_client.fetch import HttpFetcher  # noqa: PLC0415 requests is large

    server, identity = setup.config.server, identity_of(setup)
    if server is None or identity is None:
        return
    try:
        http = replace(setup.config.http, client_certificate=identity.file, client_key=None)
        with HttpFetcher(http) as line:
            UpdateServer(line, server.url).look()
    except HttpStatusError as e:
        if e.status != HTTPStatus.NOT_FOUND:
            yield _unreachable(e)
    except OtaError as e:
        yield _unreachable(e)


def _unreachable(e: OtaError) -> Finding:
    way_out = "look at [server] url, at ca_file, and on the server at the device"
    return error(Code.SERVER_UNREACHABLE, f"{e} [{e.code}]", way_out)
