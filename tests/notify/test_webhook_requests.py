"""One webhook: what is sent, to whom it may go, and what a bad receiver can do."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from support.telling import BOX, NOW
from support.webhook_receiver import receiving

from ota_server.errors import InvalidError
from ota_server.notify import http_post, subscription
from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.http_post import Deadline, post
from ota_server.notify.webhook import ROTATION_S, WebhookSecrets, retry_after_s
from ota_server.notify.webhook_address import parse


def mac(secret, one):
    signed = one.headers["Ratchet-Timestamp"].encode() + b"." + one.body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def test_a_webhook_says_what_happened_and_is_signed(telling, receiver):
    telling.subscribe(address=f"{receiver.url}/hooks?room=1")
    telling.enrol(1)
    telling.send()
    (one,) = receiver.received
    fields = json.loads(one.body)
    assert set(fields) == {
        *("id", "kind", "version", "at", "product", "device_id", "severity", "document", "link")
    }
    assert fields["link"] == f"https://updates.example.com/devices/{fields['device_id']}"
    assert one.path == "/hooks?room=1"
    assert one.headers["Ratchet-Event"] == fields["kind"] == "device.enrolled"
    assert one.headers["Ratchet-Delivery"] == "1-1"
    assert one.headers["Ratchet-Timestamp"] == str(int(NOW.timestamp()))
    assert one.headers["Ratchet-Signature"] == mac(telling.secrets["hook"], one)
    assert one.headers["Host"] == f"127.0.0.1:{receiver.port}"


def test_while_a_secret_is_exchanged_both_sign_for_a_day(telling, receiver):
    made = telling.subscribe(address=receiver.url)
    old = telling.secrets["hook"]
    rotated = WebhookSecrets.opened(made.secret, BOX).rotated(telling.now)
    with telling.begin() as connection:
        subscription.change(connection, made.id, secret=rotated.sealed(BOX))
    for seconds in (0, ROTATION_S):
        telling.pass_time(seconds)
        telling.enrol(1)
        telling.send()
    first, second = receiver.received
    assert first.headers["Ratchet-Signature"] == f"{mac(rotated.current, first)},{mac(old, first)}"
    assert second.headers["Ratchet-Signature"] == mac(rotated.current, second)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https:///path",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://example.com/\r\nX-Injected: yes",
        "https://exämple.com/",
        "https://[::1/",
        "https://example.com/" + "a" * 3000,
    ],
)
def test_an_address_that_is_no_plain_https_url_is_refused(url):
    with pytest.raises(InvalidError, match="expected a URL of https://"):
        parse(url, insecure_http=False)


@given(st.text(max_size=60))
def test_any_other_text_is_refused_or_harmless(text):
    try:
        to = parse(f"https://{text}", insecure_http=False)
    except InvalidError:
        return
    assert (to.authority + to.target).isprintable()
    assert " " not in to.authority + to.target


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("120", 120),
        ("999999999999", 86_400),
        ("-5", None),
        ("soon", None),
        ("Mon, 01 Jun 2026 12:05:00 GMT", 300),
        ("Mon, 01 Jun 2020 12:05:00 GMT", 0),
        ("Mon, 01 Jun 2099 12:05:00 GMT", 86_400),
        # what no machine can hold, sent by a receiver: it would be tried again each second, for ever
        ("Mon, 01 Jan 99999999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", None),
        # a digit to str.isdigit, and none to int
        ("\u00b9", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(text, seconds):
    assert retry_after_s(text, NOW) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_breaks_anything(text):
    found = retry_after_s(text, datetime(2026, 1, 1, tzinfo=UTC))
    assert found is None or timedelta(0) <= timedelta(seconds=found) <= timedelta(days=1)


@contextmanager
def speaking(*pieces, hold=False):
    """A receiver that says this, whatever it is asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def run():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for piece in pieces:
                connection.sendall(piece)
            if hold:
                done.wait(20)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        thread.join()
        listener.close()


def ask(port, *, context=None, scheme="http", host="127.0.0.1", timeout_s=5.0):
    to = parse(f"{scheme}://{host}:{port}/", insecure_http=True)
    chosen = context or ssl.create_default_context()
    deadline = Deadline(timeout_s)
    return post(to, ["127.0.0.1"], {}, b"{}", context=lambda: chosen, deadline=deadline)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "ended before the answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "something else"),
        (b"HTTP/1.1 abc\r\n\r\n", "something else"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "something else"),
        (b"HTTP/1.1 200 OK\r\nhalf: a hea", "ended before the answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000, "too long a head"),
    ],
)
def test_an_answer_that_is_none_is_a_failure(answer, message):
    with speaking(answer) as port, pytest.raises(DeliveryError, match=message):
        ask(port)


def test_a_receiver_that_says_nothing_is_given_up_at_the_deadline():
    with speaking(hold=True) as port, pytest.raises(DeliveryError, match="no answer in time"):
        ask(port, timeout_s=0.2)


def test_a_receiver_that_drips_bytes_gains_no_time(monkeypatch):
    # each read takes a second of this clock: whatever comes, the deadline does not move
    ticks = iter(range(100))
    to = parse("http://127.0.0.1:1/", insecure_http=True)
    left, right = socket.socketpair()
    right.sendall(b"HTTP/1.1 200 OK\r\n")
    monkeypatch.setattr(http_post.socket, "create_connection", lambda *_, **__: left)
    deadline = Deadline(3, clock=lambda: float(next(ticks)))
    with pytest.raises(DeliveryError, match="no answer in time"):
        post(to, ["x"], {}, b"", context=ssl.create_default_context, deadline=deadline)
    right.close()


def test_an_interim_answer_is_not_the_answer():
    with speaking(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nRetry-After: 7\r\n\r\n") as port:
        answer = ask(port)
    assert (answer.status, answer.retry_after) == (503, "7")


def test_a_body_is_not_read():
    with speaking(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, hold=True) as port:
        assert ask(port).status == 200


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.mark.parametrize(
    ("name", "trusted", "message"),
    [
        ("hooks.example.com", True, None),
        ("other.example.com", True, "not believed"),
        ("hooks.example.com", False, "not believed"),
    ],
)
def test_a_certificate_must_be_of_the_name_and_believed(authority, name, trusted, message):
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    if trusted:
        authority.configure_trust(client)
    with receiving(context=server) as receiver:
        if message is None:
            assert ask(receiver.port, context=client, scheme="https", host=name).status == 204
            return
        with pytest.raises(DeliveryError, match=message):
            ask(receiver.port, context=client, scheme="https", host="hooks.example.com")
    assert receiver.received == []
