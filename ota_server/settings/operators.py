"""The ``[operators]`` table and those beside it: who steers the fleet, and how people are told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from ota_server.settings.notifications import MailSettings, NotificationSettings, RetentionSettings
from ota_server.settings.oidc import OidcSettings
from ota_server.settings.sources import Layers
from ota_server.settings.urls import read_base_url

_MINUTES_MOST: Final = 60 * 24 * 30
_LOCK_MOST_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Settings of people; docs/reference/server-settings.md explains each.

    Attributes:
        enabled: pages and operator API are served.
        secret_key: the file with the server's own key, which seals webhooks' secrets.
        session_hours: a session ends then, however busy.
        session_idle_minutes: ... and when nothing came for so long.
        sign_ins_a_minute: attempts of one network address.
        lock_after: so many wrong passwords in a row lock an account ...
        lock_s: ... for so long; each further one doubles it, up to a day.
        url: under which people reach the server, without a slash at the end; None means by its own
            address.
        mail: None means that no mail is sent.
        oidc: None means that people sign in with passwords alone.
    """

    enabled: bool = True
    secret_key: Path = Path("server-secret.key")
    session_hours: int = 12
    session_idle_minutes: int = 60
    sign_ins_a_minute: int = 20
    lock_after: int = 10
    lock_s: int = 900
    url: str | None = None
    mail: MailSettings | None = None
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    oidc: OidcSettings | None = None

    @classmethod
    def read(cls, layers: Layers) -> Self:
        """Take them; a fleet is there.

        Raises:
            ConfigError: a setting is wrong.
        """
        table, defaults = layers.table("operators"), cls()

        def count(name: str, most: int) -> int:
            return table.count(name, int(getattr(defaults, name)), most=most)

        return cls(
            enabled=table.switch("enabled", default=defaults.enabled),
            secret_key=table.given("secret_key", table.path, defaults.secret_key),
            session_hours=count("session_hours", 24 * 30),
            session_idle_minutes=count("session_idle_minutes", _MINUTES_MOST),
            sign_ins_a_minute=count("sign_ins_a_minute", 10_000),
            # NIST SP 800-63B, 5.2.2: no more than 100 in a row
            lock_after=count("lock_after", 100),
            lock_s=count("lock_s", _LOCK_MOST_S),
            url=table.given("url", lambda name: read_base_url(table, name), None),
            mail=MailSettings.read(layers.table("mail")),
            notifications=NotificationSettings.read(layers.table("notifications")),
            retention=RetentionSettings.read(layers.table("retention")),
            oidc=OidcSettings.read(layers.table("oidc")),
        )
