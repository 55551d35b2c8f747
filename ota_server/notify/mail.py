"""Mails: one an event, plain text, over a connection that nobody reads (B09)."""

import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cached_property
from typing import Final
from urllib.parse import quote, urlsplit

from ota_server.notify import words
from ota_server.notify.delivery_error import DeliveryError
from ota_server.notify.mail_address import check_mail
from ota_server.notify.means import Sealer
from ota_server.notify.message import Message
from ota_server.notify.subscription import Subscription
from ota_server.settings.notifications import MailSecurity, MailSettings

_TIMEOUT_S: Final = 10
_PASSWORD_MOST_BYTES: Final = 4096
UNSUBSCRIBE: Final = "/unsubscribe"


class Mails:
    """Carries messages to mail addresses.

    Args:
        settings: the mail server; None sends nothing.
        sealer: makes the links that end a subscription.
        url: of our own server, for these links.
        clock: UTC.
    """

    def __init__(
        self, settings: MailSettings | None, sealer: Sealer, url: str, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._sealer = sealer
        self._url = url
        self._clock = clock

    def carry(self, subscription: Subscription, message: Message) -> None:
        """Hand one mail to the mail server.

        Raises:
            DeliveryError: it did not take it.
            InvalidError: the address is none.
        """
        if self._settings is None:
            raise DeliveryError("no mail server is set: [mail] host")
        mail = self.compose(self._settings.sender, subscription, message)
        try:
            with self._server(self._settings) as server:
                self._prepare(server, self._settings)
                server.send_message(mail)
        except smtplib.SMTPResponseException as e:
            raise DeliveryError(f"the mail server answered {e.smtp_code}") from e
        except smtplib.SMTPRecipientsRefused as e:
            raise DeliveryError("the mail server refuses the address") from e
        except smtplib.SMTPException as e:
            raise DeliveryError(f"the mail server cannot be used: {type(e).__name__}") from e
        except ssl.SSLError as e:
            raise DeliveryError(f"the mail server's certificate is not believed: {e.reason}") from e
        except OSError as e:
            raise DeliveryError(f"the mail server is not reached: {e.strerror or 'no answer'}") from e

    def compose(self, sender: str, subscription: Subscription, message: Message) -> EmailMessage:
        """The mail of a message; no text from elsewhere can begin another header."""
        check_mail(subscription.address)
        mail = EmailMessage()
        mail["From"] = sender
        mail["To"] = subscription.address
        mail["Subject"] = words.title(message)
        mail["Date"] = format_datetime(self._clock())
        # the same for each attempt: a mailbox can tell what it has
        host = urlsplit(self._url).hostname or "localhost"
        mail["Message-ID"] = f"<ratchet.{subscription.id}.{message.id}@{host}>"
        mail["Auto-Submitted"] = "auto-generated"
        # RFC 8058: mail programs offer a button for it
        link = self.unsubscribe_link(subscription)
        mail["List-Unsubscribe"] = f"<{link}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        footer = f"-- \nSent for the subscription {subscription.name}. No more of this: "
        mail.set_content(f"{words.body(message)}\n{footer}{link}\n")
        return mail

    def unsubscribe_link(self, subscription: Subscription) -> str:
        """The address that ends a subscription."""
        token = self._sealer.seal(f"{subscription.id} {subscription.address}")
        return f"{self._url}{UNSUBSCRIBE}?token={quote(token)}"

    def _server(self, settings: MailSettings) -> smtplib.SMTP:
        if settings.security is not MailSecurity.TLS:
            return smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT_S)
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=_TIMEOUT_S, context=self._context)

    def _prepare(self, server: smtplib.SMTP, settings: MailSettings) -> None:
        if settings.security is MailSecurity.STARTTLS:
            # it fails where the server does not offer it: nothing goes on in the clear
            server.starttls(context=self._context)
        if settings.user:
            server.login(settings.user, _password(settings))

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _password(settings: MailSettings) -> str:
    if settings.password_file is None:
        raise DeliveryError("no password is set: [mail] password_file")
    try:
        with settings.password_file.open("rb") as file:
            return file.read(_PASSWORD_MOST_BYTES).decode().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as e:
        raise DeliveryError("[mail] password_file cannot be read") from e
