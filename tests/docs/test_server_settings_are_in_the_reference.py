import re
import tomllib
from dataclasses import MISSING, fields

import pytest
from pages import REFERENCE, ROOT, read, rows, section

from ota_server.settings import FleetSettings, OperatorSettings, ServerSettings
from ota_server.settings.notifications import MailSettings, NotificationSettings, RetentionSettings
from ota_server.settings.oidc import OidcSettings
from ota_server.settings.sources import Layers, Source
from ota_server.settings.uploads import UploadSettings

PAGE = read(REFERENCE / "server-settings.md")
HEADINGS = {
    "": "## The server",
    "devices": "## `[devices]`",
    "proxy": "## `[proxy]`",
    "fleet": "## `[fleet]`",
    "operators": "## `[operators]`",
    "mail": "## `[mail]`",
    "notifications": "## `[notifications]`",
    "retention": "## `[retention]`",
    "oidc": "## `[oidc]`",
    "uploads": "## `[uploads]`",
}
HOW_TO = [
    *("run-a-server.md", "many-processes.md", "back-up-and-restore.md", "put-nginx-in-front.md"),
    *(
        "files-in-s3.md",
        "enrol-devices.md",
        "retention-and-erasure.md",
        "operators-and-roles.md",
        "sign-in-with-oidc.md",
    ),
]


def settings_of(table):
    found = rows(section(PAGE, HEADINGS[table]))
    return {row[0].strip("`"): row for row in found if row[0].startswith("`")}


@pytest.fixture
def asked(monkeypatch):
    """Which settings the parser asks for, by table; found out by parsing."""
    seen = {}
    has, table = Layers.has, Layers.table

    def noting_has(self, name):
        seen.setdefault(getattr(self, "heading", ""), set()).add(name)
        return has(self, name)

    def noting_table(self, name):
        found = table(self, name)
        found.heading = name
        return found

    def noting_given(_self, name, _take, default):
        seen.setdefault("", set()).add(name)
        return default

    monkeypatch.setattr(Layers, "has", noting_has)
    monkeypatch.setattr(Layers, "table", noting_table)
    monkeypatch.setattr(Source, "given", noting_given)
    with pytest.raises(Exception, match="--published"):
        ServerSettings.load({}, {}, None)
    return seen


def test_every_setting_is_in_its_table_and_no_other(asked):
    assert {table: set(settings_of(table)) for table in HEADINGS} == {
        table: names for table, names in asked.items() if table in HEADINGS
    }


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("", ServerSettings),
        ("fleet", FleetSettings),
        ("devices", FleetSettings),
        ("operators", OperatorSettings),
        ("mail", MailSettings),
        ("notifications", NotificationSettings),
        ("retention", RetentionSettings),
        ("oidc", OidcSettings),
        ("uploads", UploadSettings),
    ],
)
def test_defaults_are_as_the_code_has_them(table, kind):
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    words = {"None": None, "": "none", "False": "false", "True": "true"}
    for name, row in settings_of(table).items():
        default = defaults.get(name)
        plain = ", ".join(default) if isinstance(default, tuple) else str(default)
        expected = words.get(plain, plain)
        if expected is not None:
            assert row[2].replace("`", "") == expected, name


def test_flags_of_serve_are_settings():
    from ota_server.cli import main

    names = {parameter.name for parameter in main.commands["serve"].params}
    assert names - {"config", "json"} <= set(settings_of(""))


def test_the_example_is_taken(tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "published").mkdir()
    config = tmp_path / "ota-server.toml"
    config.write_text(example)
    assert ServerSettings.load({}, {}, config).fleet.check_in_s == 900


@pytest.mark.parametrize("page", HOW_TO)
def test_what_the_guides_show_are_settings(page):
    known = {table: set(settings_of(table)) for table in HEADINGS}
    known["files"] = {row[0].strip("`") for row in rows(read(ROOT / "docs/how-to/files-in-s3.md"))}
    # those of a device, in a guide that has both
    devices = {"network"}
    for example in re.findall(r"```toml\n(.*?)```", read(ROOT / "docs/how-to" / page), re.DOTALL):
        for name, value in tomllib.loads(example).items():
            if isinstance(value, dict):
                assert name in devices or set(value) <= known[name], name
            else:
                assert name in known[""], name
