"""The ``[mail]``, ``[notifications]`` and ``[retention]`` tables: telling people, and forgetting."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Self

from ota_client.errors import ConfigError
from ota_server.settings.sources import Layers

_DAYS_MOST: Final = 36_500
_DAY_S: Final = 86_400
_PORT_HIGHEST: Final = 65_535
_NETWORKS_MOST: Final = 64


class MailSecurity(StrEnum):
    """How the connection to the mail server is kept from listeners (B09)."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "insecure-none"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server.

    Attributes:
        host: its name; there is no mail without it.
        user: to sign in with; empty for none.
        password_file: holds the password, on its first line.
        sender: the address that mails come from: the setting ``from``.
    """

    host: str
    sender: str
    port: int = 587
    security: MailSecurity = MailSecurity.STARTTLS
    user: str = ""
    password_file: Path | None = None

    @classmethod
    def read(cls, table: Layers) -> Self | None:
        """Take them; None where no host is named.

        Raises:
            ConfigError: a setting is wrong, or there is a host and no ``from``.
        """
        host = table.given("host", table.text, "")
        defaults = cls("", "")
        settings = cls(
            host=host,
            sender=table.given("from", lambda _: _sender(table), ""),
            port=table.given(
                "port", lambda n: table.integer(n, lowest=1, highest=_PORT_HIGHEST), defaults.port
            ),
            security=table.given("security", lambda _: _security(table), defaults.security),
            user=table.given("user", table.text, ""),
            password_file=table.given("password_file", table.path, None),
        )
        if host and not settings.sender:
            raise ConfigError("mail.from: expected an address such as ratchet@example.com, got none")
        return settings if host else None


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """How webhooks and mails are sent.

    Attributes:
        private_networks: what webhooks may reach that is not public: loopback, private, link-local.
        insecure_http_webhooks: ``http://`` is taken.
        give_up_s: a delivery that fails for so long is dead.
        retry_first_s: before the first further attempt.
        silent_after_s: a device without a word for so long is told of.
        expiry_warning_days: before certificates and metadata expire.
        send_s: how often the sender looks.
    """

    private_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    insecure_http_webhooks: bool = False
    give_up_s: int = _DAY_S
    retry_first_s: int = 10
    silent_after_s: int = 7 * _DAY_S
    expiry_warning_days: int = 14
    send_s: int = 1

    @classmethod
    def read(cls, table: Layers) -> Self:
        """Take them.

        Raises:
            ConfigError: a setting is wrong.
        """
        defaults = cls()

        def count(name: str, most: int) -> int:
            return table.count(name, int(getattr(defaults, name)), most=most)

        return cls(
            private_networks=table.given("private_networks", lambda _: _networks(table), ()),
            insecure_http_webhooks=table.switch("insecure_http_webhooks", default=False),
            give_up_s=count("give_up_s", 30 * _DAY_S),
            retry_first_s=count("retry_first_s", 3600),
            silent_after_s=count("silent_after_s", 366 * _DAY_S),
            expiry_warning_days=count("expiry_warning_days", 366),
            send_s=count("send_s", 600),
        )


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long what happened is kept.

    Attributes:
        device_events_days: a device's own history.
        events_days: what people were told of; the newest is always kept.
        deliveries_days: how telling them went.
        version_history_days: how many devices ran which version.
    """

    device_events_days: int = 365
    events_days: int = 400
    deliveries_days: int = 90
    version_history_days: int = 1100

    @classmethod
    def read(cls, table: Layers) -> Self:
        """Take them.

        Raises:
            ConfigError: a setting is wrong.
        """
        defaults = cls()

        def days(name: str) -> int:
            return table.count(name, int(getattr(defaults, name)), most=_DAYS_MOST)

        return cls(
            device_events_days=days("device_events_days"),
            events_days=days("events_days"),
            deliveries_days=days("deliveries_days"),
            version_history_days=days("version_history_days"),
        )


def _sender(table: Layers) -> str:
    text = table.text("from")
    name, at, domain = text.rpartition("@")
    if not (name and at and domain) or not text.isascii() or not text.isprintable() or " " in text:
        table.fail("from", "an address such as ratchet@example.com", text)
    return text


def _security(table: Layers) -> MailSecurity:
    text = table.text("security")
    if text not in set(MailSecurity):
        table.fail("security", " or ".join(MailSecurity), text)
    return MailSecurity(text)


def _networks(table: Layers) -> tuple[IPv4Network | IPv6Network, ...]:
    texts = table.texts("private_networks", most=_NETWORKS_MOST)
    try:
        return tuple(map(ip_network, texts))
    except ValueError:
        table.fail("private_networks", "networks such as 10.1.0.0/16", ", ".join(texts)[:80])
