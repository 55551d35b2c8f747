"""Does the repository answer? The only subject that needs a network, and only when asked for."""

from collections.abc import Iterator
from typing import Final

from ota_client.doctor.finding import Code, Finding, error
from ota_client.doctor.system import Setup
from ota_client.errors import OtaError

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
