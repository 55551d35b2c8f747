import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from pages import REFERENCE, read, rows, section

from ota_client import DeviceConfig
from ota_client.agent_settings import AgentSettings, Hooks
from ota_client.bootcontrol.booted import Booted
from ota_client.bootcontrol.settings import KINDS
from ota_client.counters.settings import CounterSettings
from ota_client.fleet.settings import ServerSettings
from ota_client.formats.strict import Fields
from ota_client.network.settings import HttpSettings

PAGE = read(REFERENCE / "device-settings.md")
SECTIONS = {
    "settings": "## The device",
    "settings: firmware": "## `[firmware]`",
    "rollback_counter": "## `[rollback_counter]`",
    "verity": "## `[verity]`",
    "network": "## `[network]`",
    "settings: server": "## `[server]`",
    "agent": "## `[agent]`",
    "hooks": "## `[hooks]`",
}
LEAST = """
product = "gateway"
hardware_id = "gw-rev2"
channel = "stable"
root = "root.json"
urls = ["https://updates.example.com/"]
state_dir = "state"
firmware = {version = "1.0.0", rollback_index = 1}
boot = {control = "file", record = "boot"}
server = {url = "https://fleet.example.com"}
slots = {A = {rootfs = "a", app = "c"}, B = {rootfs = "b", app = "d"}}
"""

# the least that each boot control asks for
BOOTS = {
    "custom": 'script = "script"\nrecord = "boot"',
    "efi": "",
    "file": 'record = "boot"',
    "grub": 'folder = "boot"',
    "raspberry-pi": 'autoboot = "autoboot.txt"\nrecord = "boot"\npartitions = {A = 2, B = 3}',
    "u-boot": "",
    "u-boot-unsafe-single-copy": "",
    "systemd-boot": 'folder = "entries"\nentry = "linux /{slot}/vmlinuz"',
}


def settings_of(heading: str) -> dict[str, list[str]]:
    own, *_ = section(PAGE, heading).split("\n### ")
    found = rows(own)
    return {row[0].strip("`"): row for row in found if row[0].startswith("`")}


@pytest.fixture
def asked(monkeypatch) -> dict[str, set[str]]:
    """Which settings the parser asks for, by table; found out by parsing."""
    seen: dict[str, set[str]] = {}
    take, given = Fields._take, Fields.given

    def note(table: Fields, name: str) -> None:
        seen.setdefault(table._where, set()).add(name)

    def noting_take(self, name, *rest):
        note(self, name)
        return take(self, name, *rest)

    def noting_given(self, name, *rest, **more):
        note(self, name)
        return given(self, name, *rest, **more)

    monkeypatch.setattr(Fields, "_take", noting_take)
    monkeypatch.setattr(Fields, "given", noting_given)
    DeviceConfig.parse(LEAST, folder=Path())
    return seen


def test_every_setting_is_in_its_table_and_no_other(asked):
    tables = {"firmware", "boot", "slots", "rollback_counter", "network", "agent", "hooks"}
    tables |= {"file_systems", "server", "verity"}
    expected = {where: names - tables for where, names in asked.items() if where in SECTIONS}
    found = {where: set(settings_of(heading)) for where, heading in SECTIONS.items()}
    assert found == expected
    assert asked["settings"] >= tables
    assert all(f"## `[{table}" in PAGE for table in tables)


@pytest.mark.parametrize("control", KINDS)
def test_every_setting_of_a_boot_control_is_in_its_table(control, asked):
    file_boot = 'boot = {control = "file", record = "boot"}'
    boot = f'[boot]\ncontrol = "{control}"\n{BOOTS[control]}\n'
    asked.clear()
    DeviceConfig.parse(f"{LEAST.replace(file_boot, '')}{boot}", folder=Path())
    common, own = set(settings_of("## `[boot]`")), set(settings_of(f"### `{control}`"))
    assert common == {"control", "booted_file", "cmdline_key"}
    assert asked["settings: boot"] == common | own


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("## `[rollback_counter]`", CounterSettings),
        ("## `[network]`", HttpSettings),
        ("## `[agent]`", AgentSettings),
        ("## `[hooks]`", Hooks),
        ("## `[server]`", ServerSettings),
        ("## `[boot]`", Booted),
    ],
)
def test_defaults_are_as_the_code_has_them(heading, kind):
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    words = {None: "none", (): "none", False: "false"}
    table = settings_of(heading)
    for name, default in defaults.items():
        if name in table:
            said = table[name][2].strip("`")
            assert said == words.get(default, str(default)), name


@pytest.mark.parametrize(
    "page",
    [
        "reference/device-settings.md",
        "how-to/connect-to-a-server.md",
        "how-to/run-the-agent.md",
        "how-to/bad-networks.md",
        "how-to/dm-verity.md",
        "how-to/files-in-a-slot.md",
    ],
)
def test_examples_are_settings_that_the_device_takes(page):
    found = re.findall(r"```toml\n(.*?)```", read(REFERENCE.parent / page), re.DOTALL)
    assert found
    for example in found:
        least = re.sub("server = .*", "", LEAST) if "[server]" in example else LEAST
        text = example if "product" in example else f"{least}{example}"
        tomllib.loads(text)
        DeviceConfig.parse(text, folder=Path("/etc/ratchet"))
