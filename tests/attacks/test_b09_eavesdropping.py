"""B09: nobody reads along. TLS 1.2 or newer everywhere; nothing in plain unless asked for by name."""

import asyncio
import logging
import ssl
from types import SimpleNamespace

import pytest
from starlette.responses import Response
from support.operator import NOW
from support.tls_listener import listening, old_context

from ota_client.errors import ConfigError, FetchError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings
from ota_server.authority import new_authority, new_server_certificate
from ota_server.doctor.probe import NetworkProbe
from ota_server.errors import InvalidError
from ota_server.notify import webhook_address
from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.http_post import Deadline, post
from ota_server.notify.webhook import Webhooks
from ota_server.settings import ServerSettings, TlsFiles
from ota_server.web import server
from ota_server.web.pages.cookies import Cookies
from ota_server.web.tls import server_context
from signing.errors import ServerUnreachableError
from signing.publication.server_line import ServerLine

TOKEN = "rat_" + "x" * 43
# without forward secrecy or authenticated encryption, or without any
WEAK = ["kRSA:@SECLEVEL=0", "ECDHE+SHA:@SECLEVEL=0", "eNULL:aNULL:@SECLEVEL=0"]


def headers_of(app, name):
    """All values of a header of what an application answers."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "GET"}, None, send))
    return [value.decode() for key, value in sent[0]["headers"] if key == name.encode()]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("b09")
    authority = new_authority(NOW)
    issued = new_server_certificate(authority, ("127.0.0.1", "localhost"), NOW)
    (folder / "ca.pem").write_bytes(authority.certificate)
    (folder / "server.pem").write_bytes(issued.certificate)
    (folder / "server.key").write_bytes(issued.key)
    return TlsFiles(folder / "server.pem", folder / "server.key")


@pytest.fixture
def ca_file(files):
    return files.certificate.with_name("ca.pem")


@pytest.fixture(scope="module")
def probe(files):
    with listening(server_context(files, NOW)) as port:
        yield NetworkProbe("127.0.0.1", port, tls=True)


class TestServer:
    @pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1"])
    def test_it_refuses_old_tls(self, probe, version):
        assert probe.handshake(newest=version, ciphers="ALL:@SECLEVEL=0") is None

    @pytest.mark.parametrize("ciphers", WEAK)
    def test_it_refuses_weak_ciphers(self, probe, ciphers):
        assert probe.handshake(newest="TLSv1.2", ciphers=ciphers) is None

    def test_it_speaks_what_is_safe(self, probe):
        assert probe.handshake(newest="TLSv1.2").version == "TLSv1.2"
        assert probe.handshake().version == "TLSv1.3"

    def test_nothing_is_served_in_plain_unless_asked_for_by_name(self, tmp_path):
        (tmp_path / "published").mkdir()
        flags = {"published": tmp_path / "published"}
        with pytest.raises(ConfigError, match="--insecure-http"):
            ServerSettings.load(flags, {}, None)
        assert ServerSettings.load({**flags, "insecure_http": True}, {}, None).tls is None

    def test_a_certificate_and_plain_http_together_are_refused(self, tmp_path, files):
        flags = {"published": tmp_path, "certificate": files.certificate, "insecure_http": True}
        with pytest.raises(ConfigError, match="got both"):
            ServerSettings.load(flags, {}, None)

    def test_plain_http_is_warned_of_at_each_start(self, tmp_path, caplog):
        settings = ServerSettings.load({"published": tmp_path, "insecure_http": True}, {}, None)
        for _ in range(2):
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                assert server._context(settings, SimpleNamespace(), NOW) is None
            assert "plain HTTP: whoever listens" in caplog.text

    def test_answers_over_tls_forbid_coming_back_without(self, files):
        service = SimpleNamespace(app=Response())
        for tls, said in ((files, ["max-age=31536000"]), (None, [])):
            assert headers_of(server._config(service, tls).app, "strict-transport-security") == said

    def test_an_answer_that_says_so_itself_says_it_once(self, files):
        own = {"Strict-Transport-Security": "max-age=1", "X-Content-Type-Options": "nosniff"}
        service = SimpleNamespace(app=Response(headers=own))
        app = server._config(service, files).app
        assert headers_of(app, "strict-transport-security") == ["max-age=1"]
        assert headers_of(app, "x-content-type-options") == ["nosniff"]

    def test_cookies_stay_within_tls(self):
        response = Response()
        kept = SimpleNamespace(session="token", theme="dark", went="state")
        Cookies(is_plain=False).keep(response, kept)
        made = [value for name, value in response.headers.items() if name == "set-cookie"]
        assert len(made) == 3
        assert all({"Secure", "HttpOnly"} <= set(cookie.split("; ")) for cookie in made)
        assert made[0].startswith("__Host-")


def device(url, **settings):
    with HttpFetcher(HttpSettings(timeout_s=5, attempts=1, **settings)) as fetcher:
        fetcher.get(f"{url}/metadata/timestamp.json", max_bytes=10)


def desk(url, **settings):
    with ServerLine(url, TOKEN, **settings) as line:
        line.request("POST", "/api/v1/uploads", b"{}")


def webhook(url, *, ca_file=None):
    to = webhook_address.parse(url, insecure_http=False)
    context = Webhooks(sealer=None, clock=None)._tls()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    post(to, ["127.0.0.1"], {}, b"{}", context=lambda: context, deadline=Deadline(5))


CLIENTS = {
    "device": (device, ConfigError, FetchError),
    "desk": (desk, ConfigError, ServerUnreachableError),
    "webhook": (webhook, InvalidError, DeliveryError),
}


@pytest.mark.parametrize("name", CLIENTS)
class TestClients:
    def test_it_refuses_plain_http(self, name):
        client, refusal, _ = CLIENTS[name]
        with listening(None) as port, pytest.raises(refusal, match="https"):
            client(f"http://127.0.0.1:{port}")

    def test_it_refuses_old_tls(self, name, files, ca_file):
        client, _, refusal = CLIENTS[name]
        context = old_context(files, ssl.TLSVersion.TLSv1_1)
        with listening(context) as port, pytest.raises(refusal):
            client(f"https://127.0.0.1:{port}", ca_file=ca_file)

    def test_it_refuses_a_server_that_nobody_vouches_for(self, name, files):
        client, _, refusal = CLIENTS[name]
        with (
            listening(server_context(files, NOW)) as port,
            pytest.raises(refusal, match="certificate"),
        ):
            client(f"https://127.0.0.1:{port}")

    def test_it_refuses_one_that_answers_in_plain(self, name, ca_file):
        client, _, refusal = CLIENTS[name]
        with listening(None) as port, pytest.raises(refusal):
            client(f"https://127.0.0.1:{port}", ca_file=ca_file)


def test_user_names_in_addresses_are_refused():
    with pytest.raises(ConfigError, match="without user name"):
        ServerLine("https://mia:secret@updates.example.com/", TOKEN)
