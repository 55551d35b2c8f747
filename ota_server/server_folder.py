"""``ota-server init``: the folder with a server's certificates and settings."""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ota_client.errors import ConfigError
from ota_server.authority import Issued, hosts_of, new_authority, new_server_certificate

_SETTINGS = """\
# Settings of `ota-server serve --config ota-server.toml`. Paths are relative to this file.
# Flags and OTA_SERVER_... variables come first.
published = "published"
certificate = "server.pem"
key = "server.key"
host = "127.0.0.1"
port = {port}
"""
_FLEET_SETTINGS = """\
database = "sqlite:///fleet.db"

[devices]
authority = "device-ca.pem"
authority_key = "device-ca.key"
# the server speaks TLS with devices itself; "proxy" where another does, on a Unix socket
identity = "native"

[operators]
secret_key = "server-secret.key"
# under which people reach the server: stands in links
url = "{url}"
"""
_PORT = 8443
_PORT_OF_HTTPS = 443
_KEY_BYTES = 32
_PRIVATE = 0o600
_PUBLIC = 0o644


@dataclass(frozen=True, slots=True)
class FirstLink:
    """How the first operator gets in (B13); it is shown this once.

    Attributes:
        operator: the name.
        url: what to open in a browser; once.
    """

    operator: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """Where a server's files are.

    Args:
        path: the folder.
    """

    path: Path

    @property
    def authority_certificate(self) -> Path:
        """What devices pin."""
        return self.path / "ca.pem"

    @property
    def authority_key(self) -> Path:
        """Needed to renew only."""
        return self.path / "ca.key"

    @property
    def certificate(self) -> Path:
        """What the server shows."""
        return self.path / "server.pem"

    @property
    def key(self) -> Path:
        """The server's private key."""
        return self.path / "server.key"

    @property
    def settings(self) -> Path:
        """For ``serve --config``."""
        return self.path / "ota-server.toml"

    @property
    def published(self) -> Path:
        """For ``ota-sign publish --to``."""
        return self.path / "published"

    @property
    def device_authority(self) -> Path:
        """Signs devices' certificates."""
        return self.path / "device-ca.pem"

    @property
    def device_authority_key(self) -> Path:
        """Its private key."""
        return self.path / "device-ca.key"

    @property
    def database(self) -> Path:
        """The fleet."""
        return self.path / "fleet.db"

    @property
    def secret_key(self) -> Path:
        """Seals webhooks' secrets."""
        return self.path / "server-secret.key"

    def create(
        self,
        hosts: tuple[str, ...],
        now: datetime,
        *,
        fleet: bool,
        force: bool,
        operator: str = "admin",
        account: str = "",
        port: int = _PORT,
    ) -> FirstLink | None:
        """Make the authorities, the server's certificate, the database and the settings.

        Args:
            hosts: for whom the certificate is.
            now: UTC.
            fleet: know devices; else files only.
            force: replace what is there, except the fleet: its devices could not be had again.
            operator: the first one, an admin of all products.
            account: of this machine, that makes it: for the audit log.
            port: where it serves, and people and devices reach it.

        Returns:
            how the first operator gets in; None without a fleet, or if there are operators already.

        Raises:
            InvalidError: the operator cannot be called so.
            ConfigError: a host is not one, something is there already and ``force`` does not allow to
                replace it, or the folder cannot be written.
        """
        self._refuse_to_replace(force=force)
        if fleet:
            from ota_server.operators.account import check_name  # noqa: PLC0415 - files need no people

            check_name(operator)
        authority = new_authority(now)
        server = new_server_certificate(authority, hosts, now)
        _write(self.authority_key, authority.key, _PRIVATE)
        _write(self.authority_certificate, authority.certificate, _PUBLIC)
        self._write_server(server)
        url = _url(hosts[0], port)
        settings = _SETTINGS.format(port=port) + (_FLEET_SETTINGS.format(url=url) if fleet else "")
        _write(self.settings, settings.encode(), _PUBLIC)
        self._make_published()
        return self._make_fleet(now, operator, account, url) if fleet else None

    def _make_published(self) -> None:
        """An empty one: the server starts with it, and a publisher puts its own in place."""
        if self.published.is_symlink():
            return
        try:
            self.published.mkdir(exist_ok=True)
        except OSError as e:
            raise ConfigError(f"{self.published} cannot be made: {e.strerror}") from e

    def _refuse_to_replace(self, *, force: bool) -> None:
        mine = (
            self.authority_certificate,
            self.authority_key,
            self.certificate,
            self.key,
            self.settings,
        )
        taken = [path for path in mine if path.exists()]
        if taken and not force:
            raise ConfigError(
                f"{taken[0]} exists already; to renew only the server's certificate use --renew, "
                f"to replace everything but the fleet (devices must then be given the new ca.pem) use "
                f"--force"
            )

    def _make_fleet(self, now: datetime, operator: str, account: str, url: str) -> FirstLink | None:
        from ota_server.database.migrate import upgrade  # noqa: PLC0415 - files need no database
        from ota_server.database.opening import opened_for_change  # noqa: PLC0415 - as above
        from ota_server.devices.authority import new_device_authority  # noqa: PLC0415 - as above
        from ota_server.operators.first_operator import invite_first  # noqa: PLC0415 - as above
        from ota_server.operators.secret_box import make_key  # noqa: PLC0415 - as above

        if not self.device_authority_key.exists():
            authority = new_device_authority(now)
            _write(self.device_authority_key, authority.key, _PRIVATE)
            _write(self.device_authority, authority.certificate, _PUBLIC)
        if not self.secret_key.exists():
            _write(self.secret_key, make_key(secrets.token_bytes(_KEY_BYTES)), _PRIVATE)
        with opened_for_change(f"sqlite:///{self.database.absolute()}") as database:
            upgrade(database)
            with database.begin() as connection:
                link = invite_first(connection, operator, by=account, now=now)
        return None if link is None else FirstLink(operator, link.url(url), link.expires_at)

    def renew(self, hosts: tuple[str, ...], now: datetime) -> tuple[str, ...]:
        """Replace the server's certificate and key; devices need nothing new.

        Args:
            hosts: for whom; none means for those of the present certificate.
            now: UTC.

        Returns:
            the hosts that the certificate is for.

        Raises:
            ConfigError: there is no authority here, or a file cannot be read or written.
        """
        authority = Issued(_read(self.authority_certificate), _read(self.authority_key))
        hosts = hosts or hosts_of(_read(self.certificate))
        self._write_server(new_server_certificate(authority, hosts, now))
        return hosts

    def _write_server(self, server: Issued) -> None:
        _write(self.key, server.key, _PRIVATE)
        _write(self.certificate, server.certificate, _PUBLIC)


def _url(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}" if port == _PORT_OF_HTTPS else f"https://{shown}:{port}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}; `ota-server init` makes it") from e


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file as a whole or not at all; a key is never readable by others, not for a moment."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        temporary.replace(path)
    except OSError as e:
        raise ConfigError(f"{path} cannot be written: {e.strerror}") from e


def restore_authority(
    files: tuple[Path, Path], contents: tuple[bytes, bytes], *, force: bool, dry_run: bool = False
) -> None:
    """Put the device authority's certificate and key back where the settings say.

    Args:
        files: the certificate's and the key's.
        contents: theirs.
        force: replace another authority.
        dry_run: only make sure that it can be done.

    Raises:
        ConfigError: another authority is there, or a file cannot be written.
    """
    for path, data, mode in zip(files, contents, (_PUBLIC, _PRIVATE), strict=True):
        if path.exists() and _read(path) == data:
            continue
        if path.exists() and not force:
            raise ConfigError(
                f"{path} is another device authority's than the backup's; to replace it use --force"
            )
        if not dry_run:
            _write(path, data, mode)
