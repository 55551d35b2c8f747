"""What an identity provider is asked over: TLS that is verified, no redirects, and answers of a size."""

import base64
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from ota_client.errors import (
    ConfigError,
    FetchError,
    HttpStatusError,
    ResponseTooLongError,
    SlowRetrievalError,
)
from ota_client.network.urls import check_url, shown_url

_TIMEOUT_S: Final = 10.0
_DEADLINE_S: Final = 20.0
_PIECE_BYTES: Final = 16 * 1024
_OK: Final = 200


class Fetch(Protocol):
    """Carries bytes and decides nothing."""

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch a small document.

        Raises:
            FetchError: there was none, or it is longer.
        """

    def post_form(
        self, url: str, fields: Mapping[str, str], *, basic: tuple[str, str] | None, max_bytes: int
    ) -> bytes:
        """Send a form and take the answer.

        Args:
            url: where to.
            fields: of the form.
            basic: the client's name and secret, for the header (RFC 6749, 2.3.1).
            max_bytes: of the answer.

        Raises:
            FetchError: there was no answer of success, or it is longer.
        """


class HttpsFetch:
    """Asks over the network: ``https://`` alone.

    Args:
        ca_file: authorities, PEM; None for the system's.
        clock: monotonic seconds.

    Raises:
        ConfigError: the file cannot be read.
    """

    def __init__(self, ca_file: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        except OSError as e:
            raise ConfigError(f"oidc.ca_file: expected certificates in PEM: {e.strerror}") from e
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=_TIMEOUT_S)
        self._clock = clock

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """As ``Fetch`` says."""
        return self._ask("GET", url, {}, None, max_bytes)

    def post_form(
        self, url: str, fields: Mapping[str, str], *, basic: tuple[str, str] | None, max_bytes: int
    ) -> bytes:
        """As ``Fetch`` says."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if basic is not None:
            pair = ":".join(quote(part, safe="") for part in basic)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return self._ask("POST", url, headers, urlencode(fields).encode(), max_bytes)

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, max_bytes: int
    ) -> bytes:
        check_url(url, insecure_http=False)
        shown, ends_s = shown_url(url), self._clock() + _DEADLINE_S
        own = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        try:
            answer = self._pool.request(
                method, url, headers=own, body=body, redirect=False, preload_content=False
            )
            with answer:
                if answer.status != _OK:
                    raise HttpStatusError(
                        f"{shown}: expected status 200, got {answer.status}", answer.status
                    )
                return self._read(answer, shown, max_bytes, ends_s)
        except HTTPError as e:
            raise FetchError(f"{shown}: no answer: {type(e).__name__}") from e

    def _read(
        self, answer: urllib3.BaseHTTPResponse, shown: str, max_bytes: int, ends_s: float
    ) -> bytes:
        data = b""
        for piece in answer.stream(_PIECE_BYTES, decode_content=False):
            data += piece
            if len(data) > max_bytes:
                raise ResponseTooLongError(f"{shown}: expected at most {max_bytes} bytes, got more")
            if self._clock() > ends_s:
                raise SlowRetrievalError(f"{shown}: expected an answer within {_DEADLINE_S:g} s")
        return data
