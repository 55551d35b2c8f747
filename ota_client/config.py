"""The device's settings: one TOML file, read strictly and checked once."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from ota_client.errors import ConfigError
from ota_client.formats.strict import NAME_RULE, Fields, is_name
from ota_client.formats.version import Version
from ota_client.manifest import ROLLBACK_INDEX_MAX
from ota_client.network.settings import HttpSettings

_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_LONGEST: Final = 32 * 1024
_URLS_MOST: Final = 16
_COMMAND_WORDS_MOST: Final = 64
_DAY_S: Final = 86_400
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
class BootSettings:
    """Which boot control, and how to learn which slot is running.

    Attributes:
        record: the boot record of the ``file`` boot control.
        booted_file: a file that names the running slot; else the kernel's command line is read.
        cmdline_key: the kernel argument that names the running slot.
    """

    record: Path
    booted_file: Path | None = None
    cmdline_key: str = "ratchet.slot"


@dataclass(frozen=True, slots=True)
class Window:
    """The hours in which the agent may install, in local time; it may span midnight."""

    start: time
    end: time

    def contains(self, moment: time) -> bool:
        """Whether ``moment`` lies in the window; the end is outside."""
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How the agent polls.

    Attributes:
        poll_s: between two checks.
        jitter: share of ``poll_s`` by which each wait is shortened or lengthened at random, so that a
            fleet does not ask all at once.
        backoff_most_s: the longest wait after failures; each failure doubles the wait.
        window: when to install; None means at any time.
    """

    poll_s: int = 3600
    jitter: float = 0.25
    backoff_most_s: int = 6 * 3600
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Commands of the device's own, each a list of words; none is run by a shell.

    Attributes:
        pre_install: may refuse an installation by its exit status.
        post_install: after activation.
        reboot: restarts the device, after activation and after a trial was given up.
        health_check: must succeed before the running slot is marked good.
        advisories: gets the security advisories as JSON on its standard input.
        deadline_s: how long each may take.
    """

    pre_install: tuple[str, ...] = ()
    post_install: tuple[str, ...] = ()
    reboot: tuple[str, ...] = ()
    health_check: tuple[str, ...] = ()
    advisories: tuple[str, ...] = ()
    deadline_s: int = 300


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One device's settings.

    Attributes:
        root: the pinned TUF root, a file of the firmware.
        urls: of the repository and its mirrors, tried in turn; each ends in ``/``.
        state_dir: on a partition that updates do not touch.
        slots: by slot (``A``), by image (``rootfs``), the file or block device.
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
    http: HttpSettings = field(default_factory=HttpSettings)
    agent: AgentSettings = field(default_factory=AgentSettings)
    hooks: Hooks = field(default_factory=Hooks)

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
        http = _http(_optional(fields, "network"), folder)
        config = cls(
            product=fields.name("product"),
            hardware_id=fields.name("hardware_id"),
            channel=fields.name("channel"),
            root=_path(fields, folder)("root"),
            urls=_urls(fields, insecure_http=http.insecure_http),
            state_dir=_path(fields, folder)("state_dir"),
            firmware=_firmware(fields.table("firmware")),
            slots=_slots(fields, folder),
            boot=_boot(fields.table("boot"), folder),
            http=http,
            agent=_agent(_optional(fields, "agent")),
            hooks=_hooks(_optional(fields, "hooks")),
        )
        fields.finish()
        return config


def _reason(e: Exception) -> str:
    return (e.strerror or str(e)) if isinstance(e, OSError) else "a file that is not UTF-8"


def _optional(fields: Fields, name: str) -> Fields:
    return fields.given(name, fields.table, Fields({}, name, ConfigError))


def _positive(table: Fields, name: str, default: float, *, most: int = 30 * _DAY_S) -> int:
    return table.given(name, lambda name: table.integer(name, lowest=1, highest=most), int(default))


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


def _boot(table: Fields, folder: Path) -> BootSettings:
    control = table.text("control")
    if control != "file":
        table.fail("control", "file", control)
    settings = BootSettings(
        record=_path(table, folder)("record"),
        booted_file=table.given("booted_file", _path(table, folder), None),
        cmdline_key=table.given("cmdline_key", table.text, "ratchet.slot"),
    )
    table.finish()
    return settings


def _path(table: Fields, folder: Path) -> Callable[[str], Path]:
    return lambda name: folder / table.parsed(name, _parse_path)


def _parse_path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError(f"expected a path, got {text[:80]!r}")
    return text


def _http(table: Fields, folder: Path) -> HttpSettings:
    defaults = HttpSettings()
    path = _path(table, folder)
    settings = HttpSettings(
        ca_file=table.given("ca_file", path, None),
        client_certificate=table.given("client_certificate", path, None),
        client_key=table.given("client_key", path, None),
        insecure_http=table.given("insecure_http", table.flag, default=False),
        minimum_rate_bytes_s=_positive(table, "minimum_rate_bytes_s", defaults.minimum_rate_bytes_s),
        rate_window_s=_positive(table, "rate_window_s", defaults.rate_window_s),
        deadline_s=_positive(table, "deadline_s", defaults.deadline_s),
        small_file_deadline_s=_positive(table, "small_file_deadline_s", defaults.small_file_deadline_s),
        timeout_s=_positive(table, "timeout_s", defaults.timeout_s),
    )
    table.finish()
    return settings


def _agent(table: Fields) -> AgentSettings:
    defaults = AgentSettings()
    settings = AgentSettings(
        poll_s=_positive(table, "poll_s", defaults.poll_s),
        backoff_most_s=_positive(table, "backoff_most_s", defaults.backoff_most_s),
        window=table.given("window", lambda name: table.parsed(name, _parse_window), None),
    )
    table.finish()
    return settings


def _parse_window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(f"expected hours such as 02:00-05:00, got {text[:40]!r}")
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    return Window(time(start_hour, start_minute), time(end_hour, end_minute))


def _hooks(table: Fields) -> Hooks:
    def command(name: str) -> tuple[str, ...]:
        return table.given(name, lambda name: table.texts(name, most=_COMMAND_WORDS_MOST), ())

    hooks = Hooks(
        pre_install=command("pre_install"),
        post_install=command("post_install"),
        reboot=command("reboot"),
        health_check=command("health_check"),
        advisories=command("advisories"),
        deadline_s=_positive(table, "deadline_s", Hooks().deadline_s, most=_DAY_S),
    )
    table.finish()
    return hooks
