"""Mails go over TLS or not at all, say what to do, and can be ended by their reader."""

import email
import email.policy
import re
import ssl
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from support.telling import BOX, enrolled

from ota_server.errors import InvalidError, NotFoundError
from ota_server.journal.event_kind import EventKind
from ota_server.notify import subscription
from ota_server.notify.delivery import DeliveryState
from ota_server.notify.mail_address import check_mail
from ota_server.notify.subscription import Channel, Status
from ota_server.notify.unsubscribe import Link, unsubscribe
from ota_server.settings.notifications import MailSecurity, MailSettings

RELEASE = {
    "version": "1.4.1",
    "rollback_index": 3,
    "hardware_ids": ["cam-v2"],
    "created_at": "2026-06-01T00:00:00Z",
    "manifest_sha256": "0" * 64,
    "notes": "",
    "fixes": [
        {
            "id": "CVE-2026-1",
            "severity": "high",
            "summary": "A page\r\nBcc: all@example.com",
            "action": "Change the password.",
            "fixed_in": "1.4.1",
            "exposed_devices": 2,
            "exposed_versions": ["1.4.0"],
        }
    ],
    "exposed": {
        "devices": 2,
        "of": 5,
        "first": ["cam-1", "cam-2"],
        "versions": [{"version": "1.4.0", "devices": 2}],
    },
}


class Box:
    def __init__(self):
        self.mails = []
        self.over_tls = []
        self.signed_in = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - the library's name
        if self.answer.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails.append(mail)
            self.over_tls.append(session.ssl is not None)
        return self.answer

    def sign_in(self, _server, _session, _envelope, _mechanism, data):
        self.signed_in.append((data.login, data.password))
        return AuthResult(success=True)


class OnAnyPort(Controller):
    def _trigger_server(self):
        # it tries whether it answers at the port that it was given: 0
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(box, *, tls=None, **options):
    controller = OnAnyPort(
        box, hostname="127.0.0.1", port=0, ready_timeout=20, tls_context=tls, **options
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path_factory.mktemp("ca") / "ca.pem")
    return made


@pytest.fixture
def server_tls(authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def subscribe(telling, port, security=MailSecurity.STARTTLS, **settings):
    telling.mail = MailSettings(
        "127.0.0.1", "ratchet@example.com", port=port, security=security, **settings
    )
    return telling.subscribe("mail", address="mia@example.com", channel=Channel.MAIL)


def release(telling):
    event = enrolled("", kind=EventKind.RELEASE_PUBLISHED, **RELEASE)
    telling.happen(event)


def test_a_mail_says_what_is_mended_what_to_do_and_who_is_exposed(telling, server_tls, tmp_path):
    box, password = Box(), tmp_path / "password"
    password.write_text("correct horse\n")
    with mail_server(box, tls=server_tls, require_starttls=True, authenticator=box.sign_in) as port:
        subscribe(telling, port, user="ratchet", password_file=password)
        release(telling)
        telling.send("mail")
    (mail,) = box.mails
    assert box.over_tls == [True]
    assert box.signed_in == [(b"ratchet", b"correct horse")]
    assert mail["Subject"] == "cam 1.4.1 mends CVE-2026-1 (high)"
    assert (mail["To"], mail["From"]) == ("mia@example.com", "ratchet@example.com")
    # text of a manifest begins no header, and no line of its own
    assert mail["Bcc"] is None
    text = mail.get_content().replace("\r\n", "\n")
    assert "CVE-2026-1 (high): A page  Bcc: all@example.com\nWhat to do: Change the password.\n" in text
    assert "2 of 5 devices run without these fixes: 2 with 1.4.0.\ncam-1, cam-2\n" in text
    assert "https://updates.example.com/releases/cam/1.4.1" in text
    assert telling.deliveries("mail")[1].state is DeliveryState.DELIVERED


def test_without_starttls_nothing_goes_out(telling):
    box = Box()
    with mail_server(box) as port:
        subscribe(telling, port)
        telling.enrol(1)
        telling.send("mail")
    assert box.mails == []
    assert "SMTPNotSupportedError" in telling.deliveries("mail")[1].error


def test_a_certificate_of_somebody_else_gets_no_mail_and_no_password(telling, server_tls, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    box = Box()
    with mail_server(box, tls=server_tls, authenticator=box.sign_in) as port:
        subscribe(telling, port, user="ratchet")
        telling.enrol(1)
        telling.send("mail")
    assert box.mails == box.signed_in == []
    assert "certificate" in telling.deliveries("mail")[1].error


def test_in_the_clear_only_where_it_is_asked_for_by_name(telling):
    box = Box()
    with mail_server(box) as port:
        subscribe(telling, port, MailSecurity.NONE)
        telling.enrol(1)
        telling.send("mail")
    assert box.over_tls == [False]


def test_a_mail_that_is_not_taken_is_tried_again_under_the_same_id(telling):
    box = Box()
    with mail_server(box) as port:
        subscribe(telling, port, MailSecurity.NONE)
        telling.enrol(2)
        box.answer = "451 later"
        telling.send("mail")
        assert telling.deliveries("mail")[1].error == "the mail server answered 451"
        box.answer = "250 OK"
        telling.pass_time(60)
        telling.send("mail")
    assert [mail["Message-ID"] for mail in box.mails] == [
        "<ratchet.1.1@updates.example.com>",
        "<ratchet.1.2@updates.example.com>",
    ]


def test_without_a_mail_server_the_delivery_says_so(telling):
    telling.subscribe("mail", address="mia@example.com", channel=Channel.MAIL)
    telling.enrol(1)
    telling.send("mail")
    assert telling.deliveries("mail")[1].error == "no mail server is set: [mail] host"


def test_the_link_in_a_mail_ends_its_subscription(telling):
    box = Box()
    with mail_server(box) as port:
        subscribe(telling, port, MailSecurity.NONE)
        telling.enrol(1)
        telling.send("mail")
    (mail,) = box.mails
    link = re.fullmatch("<(.*)>", mail["List-Unsubscribe"])[1]
    assert link in mail.get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (token,) = parse_qs(urlsplit(link).query)["token"]
    link = Link.opened(token, BOX)
    for _ in range(2):
        with telling.begin() as connection:
            assert unsubscribe(connection, link, now=telling.now) == "mail"
    assert telling.find("mail").status is Status.PAUSED
    with telling.begin() as connection:
        subscription.remove(connection, 1)
        with pytest.raises(NotFoundError):
            unsubscribe(connection, link, now=telling.now)
    with pytest.raises(InvalidError):
        Link.opened(token[:-3], BOX)


@pytest.mark.parametrize(
    "text",
    ["", "mia", "mia@", "@x", "a b@x.org", "mia@x.org\r\nBcc: y@x.org", "mía@x.org", "<mia@x.org>"],
)
def test_what_is_no_mail_address_is_refused(text):
    with pytest.raises(InvalidError):
        check_mail(text)
