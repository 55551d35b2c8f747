"""One HTTP session for everything a device fetches: metadata, manifests, ranges of payloads.

Carries bytes and decides nothing: what arrives is verified by ``trust.py`` and against the payload's
signed index. Its own duty is that no server can hurt by how it answers: endless (A15), slow (A16),
compressed or cut short (A32), or from somewhere else (C04). Trying again is the caller's business.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from ota_client.errors import FetchError, RedirectRefusedError
from ota_client.network.answer import FOREIGN_ERRORS, Answer, RangeBody, cause
from ota_client.network.connections import CURRENT_GUARD, GUARDED_POOLS
from ota_client.network.settings import HttpSettings
from ota_client.network.tls import client_context
from ota_client.network.urls import check_url, same_origin, shown_url
from ota_client.network.wire_guard import Clock, WireGuard

_log = logging.getLogger(__name__)

_OK = 200
_PARTIAL_CONTENT = 206
_REDIRECTS = {301, 302, 303, 307, 308}
_REDIRECTS_MOST = 3
# Status line, headers and interim answers; http.client alone would take 6 MB of headers.
_HEAD_MOST_BYTES = 128 * 1024


class HttpFetcher:
    """Fetches over HTTP with one session: connections are kept and used again.

    Proxies come from the environment (``HTTPS_PROXY``, ``NO_PROXY``); ``~/.netrc`` is not read.

    Args:
        settings: certificates, limits, deadlines.
        clock: monotonic seconds.

    Raises:
        ConfigError: a certificate or key file cannot be read.
    """

    def __init__(self, settings: HttpSettings, *, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._warned_of_no_ranges = False
        self._session = _new_session(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch a whole small file.

        Raises:
            ConfigError: ``url`` is not an ``https://`` address.
            HttpStatusError: the server answered, with a status that is no success.
            ResponseTooLongError: the body has more than ``max_bytes`` (A15).
            SlowRetrievalError: it comes too slowly (A16).
            RedirectRefusedError: a redirect leads elsewhere (C04).
            FetchError: anything else that went wrong.
        """
        deadline_s = self._settings.small_file_deadline_s
        with self._answer(url, {}, max_bytes=max_bytes, deadline_s=deadline_s) as answer:
            if answer.status != _OK:
                answer.skip_if_short()
                raise answer.status_error(_OK)
            return answer.read_to_end(max_bytes)

    @contextmanager
    def open_range(self, url: str, *, start: int, stop: int) -> Iterator[RangeBody]:
        """Open the bytes from ``start`` up to, not including, ``stop`` in one request.

        A server that does not know ranges answers with the whole file: what comes before ``start`` is
        then read and thrown away, with a warning.

        Raises:
            ConfigError: ``url`` is not an ``https://`` address.
            HttpStatusError: the server answered, with a status that is no success.
            SlowRetrievalError: it comes too slowly (A16).
            RedirectRefusedError: a redirect leads elsewhere (C04).
            FetchError: anything else that went wrong.
            ValueError: the range is empty.
        """
        if not 0 <= start < stop:
            raise ValueError(f"expected 0 <= start < stop, got {start} and {stop}")
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        deadline_s = self._settings.deadline_s
        with self._answer(url, headers, max_bytes=stop, deadline_s=deadline_s) as answer:
            if answer.status == _OK:
                self._skip(answer, start)
            elif answer.status == _PARTIAL_CONTENT:
                answer.check_content_range(start, stop)
            else:
                raise answer.status_error(_PARTIAL_CONTENT)
            yield RangeBody(answer, stop - start)

    def _skip(self, answer: Answer, size_bytes: int) -> None:
        if not self._warned_of_no_ranges:
            self._warned_of_no_ranges = True
            _log.warning(
                "%s: the server ignores Range requests: each resumed download costs the whole file",
                answer.url,
            )
        RangeBody(answer, size_bytes).skip()

    @contextmanager
    def _answer(
        self, url: str, headers: dict[str, str], *, max_bytes: int, deadline_s: float
    ) -> Iterator[Answer]:
        check_url(url, insecure_http=self._settings.insecure_http)
        # Set for the request alone: the answer keeps its own.
        token = CURRENT_GUARD.set(self._guard(url, max_bytes, deadline_s))
        try:
            response = self._follow(url, headers)
        finally:
            CURRENT_GUARD.reset(token)
        with response:
            answer = Answer(shown_url(url), response.status_code, response.headers, response.raw)
            answer.check_encoding()
            yield answer

    def _guard(self, url: str, max_bytes: int, deadline_s: float) -> WireGuard:
        return WireGuard(
            shown_url(url),
            minimum_rate_bytes_s=self._settings.minimum_rate_bytes_s,
            window_s=self._settings.rate_window_s,
            deadline_s=deadline_s,
            # Twice: a body in small chunks carries as many bytes again of chunk sizes.
            most_bytes=2 * max_bytes + (_REDIRECTS_MOST + 1) * _HEAD_MOST_BYTES,
            clock=self._clock,
        )

    def _follow(self, url: str, headers: dict[str, str]) -> requests.Response:
        for _ in range(_REDIRECTS_MOST + 1):
            response = self._request(url, headers)
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or location is None:
                return response
            response.close()
            url = same_origin(url, location)
        raise RedirectRefusedError(
            f"{shown_url(url)}: expected at most {_REDIRECTS_MOST} redirects, got more"
        )

    def _request(self, url: str, headers: dict[str, str]) -> requests.Response:
        timeout_s = self._settings.timeout_s
        try:
            return self._session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=(timeout_s, timeout_s)
            )
        except FOREIGN_ERRORS as e:
            raise FetchError(f"{shown_url(url)}: no answer: {cause(e)}") from e


class _Adapter(HTTPAdapter):
    """Guarded connections, with our own TLS context and nothing added to it."""

    def __init__(self, settings: HttpSettings) -> None:
        self._context = client_context(settings)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' signature
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = GUARDED_POOLS

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - requests' signature
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        manager.pool_classes_by_scheme = GUARDED_POOLS
        return manager

    # requests would add certifi's authorities, or those of REQUESTS_CA_BUNDLE: a device that pins its
    # server's authority would then trust the whole web's.
    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ANN401, ARG002 - requests' signature
        parts = urlsplit(request.url)
        return {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - requests' signature
        """Leave it to the TLS context, which always verifies."""


def _new_session(settings: HttpSettings) -> requests.Session:
    session = requests.Session()
    adapter = _Adapter(settings)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.clear()
    session.headers["User-Agent"] = settings.user_agent or f"ratchet-ota/{_own_version()}"
    session.headers["Accept"] = "*/*"
    # Lengths, hashes and ranges are of the bytes as stored.
    session.headers["Accept-Encoding"] = "identity"
    # Proxies come from the environment; without this, passwords from ~/.netrc would go out as well.
    session.auth = lambda request: request
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _own_version() -> str:
    try:
        return version("ratchet-ota")
    except PackageNotFoundError:
        return "0"
