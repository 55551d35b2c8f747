"""What subscriptions are made with: the seal for secrets, and which channels this server offers."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol, Self

from ota_server.notify.webhook_address import Network
from ota_server.settings.operators import OperatorSettings

_PURPOSE: Final = "webhook"
_UNSUBSCRIBE: Final = "unsubscribe"


class Sealer(Protocol):
    """Makes texts unreadable to others; see ``ota_server.operators.secret_box.SecretBox``."""

    def seal(self, text: str) -> str:
        """Seal a text.

        Raises:
            ConfigError: the server's own key cannot be read.
        """

    def open(self, sealed: str) -> str:
        """Read what ``seal`` made.

        Raises:
            InvalidError: somebody else sealed it.
            ConfigError: the server's own key cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Means:
    """See above.

    Attributes:
        secrets: seals webhooks' secrets.
        unsubscribing: seals the links that end mails.
        insecure_http: webhooks may be plain HTTP.
        private_networks: what webhooks may reach that is not public.
        has_mail: there is a mail server.
    """

    secrets: Sealer
    unsubscribing: Sealer
    insecure_http: bool = False
    private_networks: tuple[Network, ...] = ()
    has_mail: bool = False

    @classmethod
    def load(cls, settings: OperatorSettings) -> Self:
        """By the settings; the server's own key is read by who first needs it: most never do."""
        return cls(
            _LateBox(settings.secret_key, _PURPOSE),
            _LateBox(settings.secret_key, _UNSUBSCRIBE),
            insecure_http=settings.notifications.insecure_http_webhooks,
            private_networks=settings.notifications.private_networks,
            has_mail=settings.mail is not None,
        )


class _LateBox:
    def __init__(self, path: Path, purpose: str) -> None:
        self._path = path
        self._purpose = purpose

    def seal(self, text: str) -> str:
        return self._box.seal(text)

    def open(self, sealed: str) -> str:
        return self._box.open(sealed)

    @cached_property
    def _box(self) -> Sealer:
        # cryptography takes a while to load
        from ota_server.operators.secret_box import SecretBox  # noqa: PLC0415 - as said above

        return SecretBox.load(self._path, self._purpose)
