"""The table ``[files]`` of ``ota-server.toml``: a bucket instead of the folder."""

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from ota_client.errors import ConfigError
from ota_client.formats.strict import Fields

_KINDS: Final = ("folder", "s3")
# Amazon's rule; other stores take the same or less.
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*", re.ASCII)
_REGION: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Where in which S3-compatible store the published files lie.

    The credentials are not among them: they come from the environment (``AWS_ACCESS_KEY_ID`` and so on)
    or from the machine's role.

    Attributes:
        bucket: its name.
        prefix: what the names of all files begin with, without slashes around; empty means nothing.
        endpoint: the store's address; None means Amazon's of the region.
        region: None means ``AWS_REGION``, or else ``us-east-1``.
        insecure_http_endpoint: take an ``http://`` endpoint.
        redirect_from_bytes: devices read payloads of this size or more from the store itself, by a
            signed address; None means that all goes through this server.

    Raises:
        ConfigError: a value is of another form.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    insecure_http_endpoint: bool = False
    redirect_from_bytes: int | None = None

    @classmethod
    def read(cls, table: Fields) -> Self | None:
        """Take the table; None means that the files lie in a folder."""
        kind = table.given("kind", table.text, "folder")
        if kind not in _KINDS:
            table.fail("kind", " or ".join(_KINDS), kind)
        if kind == "folder":
            table.finish()
            return None
        settings = cls(
            bucket=table.text("bucket"),
            prefix=table.given("prefix", table.text, ""),
            endpoint=table.given("endpoint", table.text, None),
            region=table.given("region", table.text, None),
            insecure_http_endpoint=table.given("insecure_http_endpoint", table.flag, default=False),
            redirect_from_bytes=table.given("redirect_from_bytes", table.integer, None),
        )
        table.finish()
        return settings

    def __post_init__(self) -> None:
        _check("bucket", self.bucket, _BUCKET, "3 to 63 of a-z, 0-9, dot and hyphen")
        if self.prefix:
            _check("prefix", self.prefix, _PREFIX, "names such as fleet/updates")
        if self.region is not None:
            _check("region", self.region, _REGION, "a name such as eu-central-1")
        if self.endpoint is not None:
            self._check_endpoint(self.endpoint)

    def _check_endpoint(self, endpoint: str) -> None:
        try:
            parts = urlsplit(endpoint)
            known = bool(parts.hostname) and parts.port != 0 and parts.scheme in {"https", "http"}
        except ValueError:
            known = False
        if not known or parts.query or parts.fragment:
            raise ConfigError("endpoint: expected an address such as https://s3.example.com")
        if "@" in parts.netloc:
            # not shown: what stands there is a password
            raise ConfigError(
                "endpoint: expected no user name and password, got some; credentials come from "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if parts.scheme == "http" and not self.insecure_http_endpoint:
            raise ConfigError(
                f"endpoint: expected https://, got {endpoint}; to allow it, set insecure_http_endpoint"
            )


def _check(name: str, value: str, pattern: re.Pattern[str], expected: str) -> None:
    if not pattern.fullmatch(value):
        raise ConfigError(f"{name}: expected {expected}, got {value[:80]!r}")
