"""The device's settings: one TOML file, read strictly and checked once."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ota_client.agent_settings import AgentSettings, Hooks
from ota_client.bootcontrol.settings import BootSettings
from ota_client.counters.settings import CounterSettings
from ota_client.errors import ConfigError
from ota_client.formats.strict import NAME_RULE, Fields, is_name
from ota_client.formats.version import Version
from ota_client.images.settings import FileSystemSettings
from ota_client.manifest import ROLLBACK_INDEX_MAX
from ota_client.network.settings import HttpSettings
from ota_client.verity import VerityArguments

if TYPE_CHECKING:
    from ota_client.fleet.settings import ServerSettings

_LONGEST: Final = 32 * 1024
_URLS_MOST: Final = 16
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Firmware:
    """What the firmware image says of itself, for a slot that no update has written.

    Attributes:
        built_at: the time cannot be before this, whatever the clock says (A09).
    """

    version: Version
    rollback_index: int
    built_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One device's settings.

    Attributes:
        root: the pinned TUF root, a file of the firmware.
        urls: of the repository and its mirrors, tried in turn; each ends in ``/``.
        state_dir: on a partition that updates do not touch.
        slots: by slot (``A``), by image (``rootfs``), the file or block device.
        file_systems: by image, for those that are tar files.
        verity: how a root hash gets to the kernel.
        server: the update server that the device belongs to; None where it follows its channel alone.
    """

    product: str
    hardware_id: str
    channel: str
    root: Path
    urls: tuple[str, ...]
    state_dir: Path
    firmware: Firmware
    slots: Mapping[str, Mapping[str, str]]
    boot: BootSettings
    counter: CounterSettings = field(default_factory=CounterSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    file_systems: Mapping[str, FileSystemSettings] = field(default_factory=dict)
    verity: VerityArguments = field(default_factory=VerityArguments)
    agent: AgentSettings = field(default_factory=AgentSettings)
    hooks: Hooks = field(default_factory=Hooks)
    server: "ServerSettings | None" = None

    @classmethod
    def load(cls, path: Path) -> "DeviceConfig":
        """Read the settings; relative paths in them are taken from the file's folder.

        Raises:
            ConfigError: the file cannot be read, or a setting is missing, unknown or wrong.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(f"{path}: expected a settings file, got {_reason(e)}") from e
        return cls.parse(text, folder=path.parent, where=str(path))

    @classmethod
    def parse(cls, text: str, *, folder: Path, where: str = "settings") -> "DeviceConfig":
        """Read settings from TOML text; raises as ``load`` does."""
        if len(text) > _LONGEST:
            # tomllib takes minutes over a key of ten thousands of parts (A29)
            raise ConfigError(f"{where}: expected at most {_LONGEST} characters, got {len(text)}")
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as e:
            # tomllib lets a plain ValueError out at an integer of thousands of digits (A29)
            raise ConfigError(f"{where}: expected TOML, got {e}") from e
        fields = Fields(table, where, ConfigError)
        path = _path(fields, folder)
        boot, network = fields.table("boot"), _optional(fields, "network")
        counter = _optional(fields, "rollback_counter")
        http = HttpSettings.read(network, _path(network, folder))
        config = cls(
            product=fields.name("product"),
            hardware_id=fields.name("hardware_id"),
            channel=fields.name("channel"),
            root=path("root"),
            urls=_urls(fields, insecure_http=http.insecure_http),
            state_dir=path("state_dir"),
            firmware=_firmware(fields.table("firmware")),
            slots=(slots := _slots(fields, folder)),
            boot=BootSettings.read(boot, _path(boot, folder)),
            counter=CounterSettings.read(counter, _path(counter, folder)),
            http=http,
            file_systems=_file_systems(_optional(fields, "file_systems"), slots),
            verity=VerityArguments.read(_optional(fields, "verity")),
            agent=AgentSettings.read(_optional(fields, "agent")),
            hooks=Hooks.read(_optional(fields, "hooks")),
            server=_server(fields, insecure_http=http.insecure_http),
        )
        fields.finish()
        return config


def _reason(e: Exception) -> str:
    return (e.strerror or str(e)) if isinstance(e, OSError) else "a file that is not UTF-8"


def _server(fields: Fields, *, insecure_http: bool) -> "ServerSettings | None":
    if not fields.has("server"):
        return None
    from ota_client.fleet.settings import ServerSettings  # noqa: PLC0415 many devices have no server

    return ServerSettings.read(fields.table("server"), insecure_http=insecure_http)


def _optional(fields: Fields, name: str) -> Fields:
    return fields.given(name, fields.table, Fields({}, name, ConfigError))


def _urls(fields: Fields, *, insecure_http: bool) -> tuple[str, ...]:
    urls = fields.texts("urls", most=_URLS_MOST)
    if not urls:
        fields.fail("urls", "one address or more", urls)
    for url in urls:
        if url.startswith("http://") and not insecure_http:
            fields.fail(
                "urls", "https:// addresses (network.insecure_http = true allows plain HTTP)", url
            )
        if not url.startswith(("https://", "http://")):
            fields.fail("urls", "https:// addresses", url)
        if set(url) & set("?#") or not url.isprintable():
            fields.fail("urls", "addresses without '?' and '#'", url)
    return tuple(url if url.endswith("/") else f"{url}/" for url in urls)


def _firmware(table: Fields) -> Firmware:
    firmware = Firmware(
        version=table.parsed("version", Version.parse),
        rollback_index=table.integer("rollback_index", highest=ROLLBACK_INDEX_MAX),
        built_at=table.given("built_at", table.time, _NEVER),
    )
    table.finish()
    return firmware


def _slots(fields: Fields, folder: Path) -> dict[str, dict[str, str]]:
    table = fields.table("slots")
    slots = {name: _slot(table.table(name), folder) for name in table.names()}
    groups = list(slots.values())
    if len(slots) < 2 or any(set(group) != set(groups[0]) for group in groups):  # noqa: PLR2004 A and B
        fields.fail("slots", "two slots or more, each with the same images", ", ".join(slots))
    paths = [path for group in groups for path in group.values()]
    if not groups[0] or len(set(paths)) != len(paths):
        fields.fail("slots", "a different file or block device for each image", ", ".join(paths))
    return slots


def _slot(table: Fields, folder: Path) -> dict[str, str]:
    path = _path(table, folder)
    return {
        image: str(path(image)) if is_name(image) else table.fail(image, f"a name of {NAME_RULE}", image)
        for image in table.names()
    }


def _file_systems(
    fields: Fields, slots: Mapping[str, Mapping[str, str]]
) -> dict[str, FileSystemSettings]:
    images = next(iter(slots.values()))
    return {
        image: FileSystemSettings.read(fields.table(image))
        if image in images
        else fields.fail(image, f"an image of {', '.join(images)}", image)
        for image in fields.names()
    }


def _path(table: Fields, folder: Path) -> Callable[[str], Path]:
    return lambda name: folder / table.parsed(name, _parse_path)


def _parse_path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError(f"expected a path, got {text[:80]!r}")
    return text
