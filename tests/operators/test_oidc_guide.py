"""docs/how-to/sign-in-with-oidc.md, with a provider that answers over real TLS."""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme
from pytest_httpserver import HTTPServer
from support.identity_provider import CLIENT, SECRET, IdentityProvider
from support.people import SESSIONS, known
from werkzeug import Response

from ota_client.errors import (
    ConfigError,
    FetchError,
    HttpStatusError,
    ResponseTooLongError,
    SlowRetrievalError,
)
from ota_server.operators.oidc.admission import admit
from ota_server.operators.oidc.flow import CALLBACK_PATH, open_flow
from ota_server.operators.oidc.https import HttpsFetch
from ota_server.operators.secret_box import make_key
from ota_server.settings import ServerSettings

PAGE = Path(__file__).parents[2] / "docs/how-to/sign-in-with-oidc.md"
TEXT = PAGE.read_text(encoding="utf-8")
LEAST = 'published = "."\ninsecure_http = true\ndatabase = "sqlite:///fleet.db"\n'


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with HTTPServer(ssl_context=context) as server:
        yield server


@pytest.fixture
def ca_file(tmp_path, authority):
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


@pytest.fixture
def provider(server):
    """The provider of the tests, over the network."""
    server.clear()
    provider = IdentityProvider(issuer=server.url_for("").rstrip("/"), now=datetime.now(UTC))

    def answer(work):
        try:
            return Response(work(), content_type="application/json")
        except HttpStatusError as e:
            return Response("no", e.status)

    def post(request):
        fields = {name: value for name, (value,) in parse_qs(request.get_data(as_text=True)).items()}
        pair = request.authorization
        basic = (pair.username, pair.password.replace("%20", " ")) if pair else None
        return answer(lambda: provider.post_form(request.url, fields, basic=basic))

    for path in ("/.well-known/openid-configuration", "/keys"):
        url = server.url_for(path)
        server.expect_request(path).respond_with_handler(
            lambda _, url=url: answer(lambda: provider.get(url))
        )
    server.expect_request("/token", method="POST").respond_with_handler(post)
    return provider


@pytest.fixture
def settings(tmp_path, provider, ca_file):
    """The page's own settings, with the test's provider in place of the page's."""
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    config = tmp_path / "ota-server.toml"
    named = example.replace("https://id.example.com/realms/acme", provider.issuer)
    config.write_text(LEAST + named + 'ca_file = "ca.pem"\n')
    (tmp_path / "oidc-secret").write_text(SECRET + "\n")
    (tmp_path / "server-secret.key").write_bytes(make_key(bytes(32)))
    return ServerSettings.load({}, {}, config)


def test_somebody_signs_in_as_the_page_says(settings, provider, database):
    flow, now = open_flow(settings.operators, settings.public_url), provider.now
    assert settings.operators.oidc.client_id == CLIENT
    going = flow.begin(now)
    back = provider.authorize(going.url, preferred_username="Mia", groups=["camera-leads", "other"])
    identity = flow.finish(back, going.cookie, now)
    assert admit(database, identity, rules=SESSIONS, now=now).startswith("rats_")
    assert known(database, "mia").grants == {"camera": "approver"}


def test_the_page_names_the_address_to_come_back_to(settings):
    assert settings.public_url + CALLBACK_PATH in TEXT


def test_a_provider_with_a_certificate_of_nobody_s_is_not_asked(settings, tmp_path, provider):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with pytest.raises(FetchError, match="no answer: SSLError"):
        open_flow(settings.operators, settings.public_url).begin(provider.now)
    assert provider.asked == []


@pytest.fixture
def fetch(ca_file):
    return HttpsFetch(ca_file)


def get(fetch, server, path):
    return fetch.get(server.url_for(path), max_bytes=1000)


def test_redirects_are_not_followed(fetch, server):
    server.clear()
    server.expect_request("/a").respond_with_data("", 302, {"Location": server.url_for("/b")})
    server.expect_request("/b").respond_with_data("secret")
    with pytest.raises(HttpStatusError, match="expected status 200, got 302"):
        get(fetch, server, "/a")
    assert [request.path for request, _ in server.log] == ["/a"]


def test_an_endless_answer_is_cut_short(fetch, server):
    server.expect_request("/long").respond_with_handler(
        lambda _: Response(b"x" * 500 for _ in range(100))
    )
    with pytest.raises(ResponseTooLongError, match="at most 1000 bytes"):
        get(fetch, server, "/long")


def test_a_slow_answer_is_given_up(ca_file, server):
    server.expect_request("/slow").respond_with_data("x" * 100)
    moments = iter([0.0, 21.0])
    with pytest.raises(SlowRetrievalError, match="within 20 s"):
        get(HttpsFetch(ca_file, clock=lambda: next(moments)), server, "/slow")


def test_plain_http_is_not_asked(fetch):
    with pytest.raises(ConfigError, match="expected https://"):
        fetch.get("http://127.0.0.1:9/x", max_bytes=1000)


def test_nobody_there_is_one_sentence(fetch):
    with pytest.raises(FetchError, match="no answer"):
        fetch.get("https://localhost:1/x?code=secret", max_bytes=1000)


@pytest.mark.system  # reads the system's authorities
def test_a_file_without_authorities_is_refused(tmp_path):
    for name in ("none.pem", "empty.pem"):
        (tmp_path / "empty.pem").write_text("")
        with pytest.raises(ConfigError, match=r"oidc\.ca_file"):
            HttpsFetch(tmp_path / name)
