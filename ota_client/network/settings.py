"""How a device speaks HTTP: what ``fetch.py`` needs to know, and nothing that costs an import."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ota_client.errors import ConfigError
from ota_client.formats.strict import Fields

_MOST: Final = 30 * 86_400
_ATTEMPTS_MOST: Final = 100
_HOSTS_MOST: Final = 16
# With less, a check of the metadata alone would take minutes, or the whole day's allowance.
_LIMIT_LEAST: Final = 1000


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Settings of one HTTP session.

    Attributes:
        ca_file: the authorities to trust, PEM; None means the operating system's.
        client_certificate: shown to the server (mutual TLS), PEM.
        client_key: its unencrypted private key, PEM; None if it stands in the certificate's file.
        insecure_http: take ``http://`` addresses as well. Signatures still protect the device; whoever
            listens learns what it runs.
        minimum_rate_bytes_s: a server that sends slower over ``rate_window_s`` is given up (A16).
            The default is aktualizr's.
        rate_window_s: seconds of waiting over which the rate is measured.
        small_file_deadline_s: most seconds to wait for one metadata file, manifest or index.
        deadline_s: most seconds to wait for one range of a payload; what came is kept, and the next
            attempt resumes, so this bounds an attempt and not the size of a release.
        timeout_s: most seconds of silence, and to connect.
        attempts: so many connections without progress, and a file or range is given up.
        rate_limit_bytes_s: most bytes a second; None means as fast as they come.
        daily_limit_bytes: most bytes a day (UTC) of payloads and all else together; None means no end.
        payload_hosts: hosts, such as ``https://firmware.s3.eu-central-1.amazonaws.com``, that
            the server may redirect reads of payloads to; all else is read from the server itself (C04).
        user_agent: empty means ``ratchet-ota/<version>``.

    Raises:
        ConfigError: a number is not above 0, or there is a key without a certificate.
    """

    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    insecure_http: bool = False
    minimum_rate_bytes_s: float = 5000
    rate_window_s: float = 60
    small_file_deadline_s: float = 300
    deadline_s: float = 3600
    timeout_s: float = 30
    attempts: int = 4
    rate_limit_bytes_s: int | None = None
    daily_limit_bytes: int | None = None
    payload_hosts: tuple[str, ...] = ()
    user_agent: str = ""

    @classmethod
    def read(cls, table: Fields, path: Callable[[str], Path]) -> Self:
        """Take the settings from the ``[network]`` table."""

        def count(name: str) -> int:
            return table.count(name, int(getattr(defaults, name)), most=_MOST)

        def limit(name: str) -> int:
            return table.integer(name, lowest=_LIMIT_LEAST)

        def hosts(name: str) -> tuple[str, ...]:
            return table.texts(name, most=_HOSTS_MOST)

        defaults = cls()
        settings = cls(
            ca_file=table.given("ca_file", path, None),
            client_certificate=table.given("client_certificate", path, None),
            client_key=table.given("client_key", path, None),
            insecure_http=table.given("insecure_http", table.flag, default=False),
            minimum_rate_bytes_s=count("minimum_rate_bytes_s"),
            rate_window_s=count("rate_window_s"),
            deadline_s=count("deadline_s"),
            small_file_deadline_s=count("small_file_deadline_s"),
            timeout_s=count("timeout_s"),
            attempts=table.count("attempts", defaults.attempts, most=_ATTEMPTS_MOST),
            rate_limit_bytes_s=table.given("rate_limit_bytes_s", limit, None),
            daily_limit_bytes=table.given("daily_limit_bytes", limit, None),
            payload_hosts=table.given("payload_hosts", hosts, ()),
        )
        table.finish()
        return settings

    def __post_init__(self) -> None:
        schemes = ("https://", "http://") if self.insecure_http else ("https://",)
        for host in self.payload_hosts:
            if not host.startswith(schemes) or set(host) & set("@?#") or not host.isprintable():
                raise ConfigError(
                    f"payload_hosts: expected hosts such as https://files.example.com, got {host[:80]!r}"
                )
        for name in (
            "minimum_rate_bytes_s",
            "rate_window_s",
            "small_file_deadline_s",
            "deadline_s",
            "timeout_s",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}: expected a number above 0, got {getattr(self, name)}")
        if self.client_key is not None and self.client_certificate is None:
            raise ConfigError("client_key: expected a client_certificate with it, got none")
