"""One HTTP session for everything a device fetches: metadata, manifests, ranges of payloads.

Carries bytes and decides nothing: what arrives is verified by ``trust.py`` and against the payload's
signed index. Its own duty is that no server can hurt by how it answers: endless (A15), slow (A16),
compressed or cut short (A32), or from somewhere else (C04). A connection that breaks is tried again.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from ota_client.errors import ConnectionLostError, FetchError, RedirectRefusedError
from ota_client.network.answer import FOREIGN_ERRORS, Answer, broken
from ota_client.network.attempts import Attempts
from ota_client.network.connections import CURRENT_GUARD, GUARDED_POOLS
from ota_client.network.daily_limit import DailyLimit
from ota_client.network.portal import check_portal
from ota_client.network.problem import problem_error
from ota_client.network.ranges import RangeBody, Ranges
from ota_client.network.rate_limit import RateLimit
from ota_client.network.settings import HttpSettings
from ota_client.network.tls import client_context
from ota_client.network.urls import check_url, same_origin, shown_url
from ota_client.network.wire_guard import PIECE_MOST_BYTES, Clock, WireGuard

_REDIRECTS = {301, 302, 303, 307, 308}
_REDIRECTS_MOST = 3
_SUCCESSES = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}
# Status line, headers and interim answers; http.client alone would take 6 MB of headers.
_HEAD_MOST_BYTES = 128 * 1024


class HttpFetcher:
    """Fetches over HTTP with one session: connections are kept and used again.

    Proxies come from the environment (``HTTPS_PROXY``, ``NO_PROXY``); ``~/.netrc`` is not read.

    Args:
        settings: certificates, limits, deadlines.
        daily_limit: counts bytes, and ends payloads for the day; None counts nothing.
        clock: monotonic seconds.
        sleep: waits so many seconds: between attempts, and for the rate limit.
        random: from 0 up to, not including, 1: spreads the attempts of a fleet.

    Raises:
        ConfigError: a certificate or key file cannot be read.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        daily_limit: DailyLimit | None = None,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._settings, self._daily_limit = settings, daily_limit
        self._clock, self._sleep, self._random = clock, sleep, random
        rate = settings.rate_limit_bytes_s
        self._rate_limit = RateLimit(rate, clock=clock, sleep=sleep) if rate else None
        self._session = _new_session(settings)
        self._ranges = Ranges(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._ranges.close()
        self._session.close()

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch a whole small file; the day's limit counts it and never refuses it.

        Raises:
            ConfigError: ``url`` is not an ``https://`` address.
            HttpStatusError: the server answered, with a status that is no success.
            ResponseTooLongError: the body has more than ``max_bytes`` (A15).
            SlowRetrievalError: it comes too slowly (A16).
            RedirectRefusedError: a redirect leads elsewhere (C04).
            CaptivePortalError: a web page came.
            ConnectionLostError: no attempt brought it.
            FetchError: anything else that went wrong.
        """
        return self._small(url, lambda guard: self._get(url, guard, max_bytes))

    def send(self, method: str, url: str, body: bytes, *, max_bytes: int) -> bytes:
        """Send a JSON body to the update server and take the whole answer; see ``Line``.

        No redirect is followed: the body and the client certificate are for this host alone. A
        connection that breaks is tried again, so whoever is asked must bear to be asked twice.

        Raises:
            RedirectRefusedError: the server redirects.
            CaptivePortalError: a web page came.
        """
        request = _Request(method, url, {"Content-Type": "application/json"}, body)
        return self._small(url, lambda guard: self._send(request, guard, max_bytes))

    @contextmanager
    def open_range(self, url: str, *, start: int, stop: int) -> Iterator[RangeBody]:
        """Open the bytes from ``start`` up to, not including, ``stop``.

        While they are read, a connection that breaks is followed by a new one that goes on where it
        broke. A server that does not know ranges answers with the whole file: what is not asked for is
        then read and thrown away, with a warning.

        Raises:
            ConfigError: ``url`` is not an ``https://`` address.
            HttpStatusError: the server answered, with a status that is no success.
            SlowRetrievalError: it comes too slowly (A16).
            RedirectRefusedError: a redirect leads elsewhere (C04).
            CaptivePortalError: a web page came.
            QuotaError: the day's limit is used up.
            ConnectionLostError: attempts without progress; the next call resumes.
            FetchError: anything else that went wrong.
            ValueError: the range is empty.
        """
        if not 0 <= start < stop:
            raise ValueError(f"expected 0 <= start < stop, got {start} and {stop}")
        with self._counted(), self._ranges.open(url, start, stop) as body:
            yield body

    def ask(self, url: str, headers: dict[str, str], guard: WireGuard, *, most_bytes: int) -> Answer:
        """Ask for a part of a payload and follow redirects; for ``Ranges``."""
        elsewhere = self._settings.payload_hosts
        return self._ask(url, guard, most_bytes, lambda: self._follow(url, headers, elsewhere))

    def _ask(
        self, url: str, guard: WireGuard, most_bytes: int, request: Callable[[], requests.Response]
    ) -> Answer:
        check_url(url, insecure_http=self._settings.insecure_http)
        # Twice: a body in small chunks carries as many bytes again of chunk sizes.
        guard.allow(2 * most_bytes + (_REDIRECTS_MOST + 1) * _HEAD_MOST_BYTES)
        with self._watched(guard):
            response = request()
        answer = Answer(shown_url(url), response.status_code, response.headers, response.raw)
        try:
            answer.check_encoding()
        except FetchError:
            answer.close()
            raise
        return answer

    def guard(self, url: str, deadline_s: float = 0) -> WireGuard:
        """What one file or range may cost; by default the deadline is a payload's."""
        limit = self._settings.rate_limit_bytes_s
        return WireGuard(
            shown_url(url),
            minimum_rate_bytes_s=self._settings.minimum_rate_bytes_s,
            window_s=self._settings.rate_window_s,
            deadline_s=deadline_s or self._settings.deadline_s,
            clock=self._clock,
            # Small reads, so that a slow rate is a trickle and no row of bursts.
            piece_bytes=min(PIECE_MOST_BYTES, max(1024, limit // 4)) if limit else PIECE_MOST_BYTES,
            toll=self._took,
        )

    def attempts(self, guard: WireGuard) -> Attempts:
        """How often one file or range is tried."""
        return Attempts(self._settings.attempts, guard, sleep=self._sleep, random=self._random)

    def hang_up(self) -> None:
        """Forget all connections: the next one looks the host up again."""
        self._session.close()

    def check_daily_limit(self, needed_bytes: int) -> None:
        """Refuse what the day's limit has no room for; raises ``QuotaError``."""
        if self._daily_limit is not None:
            self._daily_limit.check(needed_bytes)

    def _took(self, got_bytes: int) -> None:
        if self._daily_limit is not None:
            self._daily_limit.took(got_bytes)
        if self._rate_limit is not None:
            self._rate_limit.took(got_bytes)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._daily_limit is not None:
                self._daily_limit.settle()

    @contextmanager
    def _watched(self, guard: WireGuard) -> Iterator[None]:
        began_s, spent_s = self._clock(), guard.spent_s
        # Set for the request alone: the answer keeps its own.
        token = CURRENT_GUARD.set(guard)
        try:
            yield
        finally:
            CURRENT_GUARD.reset(token)
            # To look the host up and to connect; what was read has been counted.
            guard.spend(max(0.0, self._clock() - began_s - (guard.spent_s - spent_s)))

    def _small(self, url: str, attempt: Callable[[WireGuard], bytes]) -> bytes:
        guard = self.guard(url, self._settings.small_file_deadline_s)
        attempts = self.attempts(guard)
        with self._counted():
            while True:
                try:
                    return attempt(guard)
                except ConnectionLostError as e:
                    self.hang_up()
                    attempts.again(e)

    def _send(self, request: "_Request", guard: WireGuard, max_bytes: int) -> bytes:
        answer = self._ask(request.url, guard, max_bytes, lambda: self._request(request))
        try:
            check_portal(answer)
            if answer.status in _REDIRECTS:
                raise RedirectRefusedError(f"{answer.url}: expected no redirect, got one")
            if answer.status not in _SUCCESSES:
                raise problem_error(answer)
            return answer.read_to_end(max_bytes)
        finally:
            answer.close()

    def _get(self, url: str, guard: WireGuard, max_bytes: int) -> bytes:
        answer = self._ask(url, guard, max_bytes, lambda: self._follow(url, {}))
        try:
            check_portal(answer)
            if answer.status != HTTPStatus.OK:
                answer.skip_if_short()
                raise answer.status_error(HTTPStatus.OK)
            return answer.read_to_end(max_bytes)
        finally:
            answer.close()

    def _follow(
        self, url: str, headers: dict[str, str], elsewhere: tuple[str, ...] = ()
    ) -> requests.Response:
        for _ in range(_REDIRECTS_MOST + 1):
            response = self._request(_Request("GET", url, headers))
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or location is None:
                return response
            response.close()
            url = same_origin(url, location, elsewhere)
        raise RedirectRefusedError(
            f"{shown_url(url)}: expected at most {_REDIRECTS_MOST} redirects, got more"
        )

    def _request(self, request: "_Request") -> requests.Response:
        timeout_s, outer = self._settings.timeout_s, sys.exception()
        try:
            return self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                stream=True,
                allow_redirects=False,
                timeout=(timeout_s, timeout_s),
            )
        except FOREIGN_ERRORS as e:
            raise broken(f"{shown_url(request.url)}: no answer", e, outer) from e


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None


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
