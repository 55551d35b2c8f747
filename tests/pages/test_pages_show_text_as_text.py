"""B06, B12: whatever a device or a file of others says is shown as text, on every page."""

import json
import re
from pathlib import Path

import pytest
from page_paths import LOOKED_AT

from ota_server.web.pages import drawing

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 191 }}"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;"
# every text that comes from outside, wherever the database can hold it
TEXTS = {
    "devices": ("hardware_id", "phase"),
    "device_events": ("kind", "code", "detail"),
    "groups": ("name", "query"),
    "enrolment_tokens": ("device_ids",),
    "rollouts": ("name", "reason"),
    "rollout_devices": ("code",),
    "approvals": ("asked_by", "comment"),
    "operators": ("mail", "issuer"),
    "audit_entries": ("actor", "action", "target"),
    "subscriptions": ("address", "reason"),
    "deliveries": ("error",),
    "weaknesses": ("summary", "action"),
}


@pytest.fixture
def poisoned(own_house, visit):
    """A fleet in which everything that may hold a text holds a hostile one."""
    browser = visit("mia")
    with own_house.database.begin() as connection:

        def put(table, column, value):
            # a unique name stays unique
            key = "rowid" if table in {"groups", "rollouts"} else "''"
            sql = f"UPDATE {table} SET {column} = ? || {key}"  # noqa: S608 - names of ours
            # one is asked for by its name
            spared = " WHERE name <> 'lab'" if (table, column) == ("groups", "name") else ""
            connection.exec_driver_sql(sql + spared, (value,))

        for table, columns in TEXTS.items():
            for column in columns:
                put(table, column, HOSTILE)
        put("devices", "tags", json.dumps([HOSTILE]))
        put("enrolment_tokens", "tags", json.dumps([HOSTILE]))
        inventory = {"attributes": {HOSTILE: HOSTILE}, "slots": [{"name": HOSTILE, "version": HOSTILE}]}
        put("inventories", "document", json.dumps(inventory))
        put("audit_entries", "detail", json.dumps({HOSTILE: HOSTILE}))
    return browser


WHERE_IT_IS_SHOWN = {
    "/": "rollouts' names",
    "/devices": "hardware, tags, phase",
    "/devices/cam-0003": "slots, attributes, history",
    "/groups": "names, queries",
    "/groups/camera/lab": "query",
    "/groups/camera/lab/edit": "query",
    "/enrolment": "whom tokens are for, tags",
    "/rollouts": "names, groups",
    "/rollouts/3": "reason, codes of failures",
    "/rollouts/3/devices": "codes",
    "/rollouts/6": "who asked",
    "/advisories": "summaries",
    "/notifications": "addresses",
    "/notifications/siem": "errors",
    "/audit": "actors, targets",
    "/audit/5": "detail",
    "/operators": "mail",
    "/account": "mail",
}


def test_a_script_in_any_text_is_shown_as_text(poisoned):
    for path in {*LOOKED_AT, *WHERE_IT_IS_SHOWN}:
        shown = poisoned.get(path)

        # of a log that was changed behind its back the server says so
        assert shown.status == (409 if path == "/audit/verify" else 200), (path, shown.words[-300:])
        assert "<script>alert" not in shown.text, path
        assert "<img" not in shown.text, path
        # nothing of it is taken for a template either
        assert "1337" not in shown.text, path
        if path in WHERE_IT_IS_SHOWN:
            assert SHOWN in shown.text, path


def test_a_search_that_is_a_script_is_shown_as_text(signed_in):
    for path in (
        "/devices?tag=",
        "/advisories?text=",
        "/audit?actor=",
        "/rollouts/new?product=",
        "/groups/new?product=camera&name=x&query=",
        "/groups/camera/lab/edit?query=",
    ):
        shown = signed_in("mia").get(path + "%3Cscript%3Ealert(1)%3C/script%3E%22%3E")

        assert "<script>alert" not in shown.text
        assert '"><' not in re.sub(r'"><(?!script>alert)', "", shown.text)


def test_no_error_repeats_a_script(signed_in):
    for path in ("/devices/%3Cscript%3Ealert(1)%3C/script%3E", "/rollouts?after=%3Cscript%3E"):
        shown = signed_in("mia").get(path)

        assert shown.status in {404, 422}
        assert "<script>" not in shown.text


TEMPLATES = sorted(Path(drawing.__file__).parent.glob("templates/**/*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_script_a_style_or_an_unescaped_value(template):
    """The policy forbids the first two anyway; then the page would be broken."""
    text = template.read_text()

    assert not re.search(r"<script(?! defer src=)", text)
    assert "<style" not in text
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son\w+=", text)
    assert "|safe" not in text
    assert "autoescape" not in text
    assert "hx-on" not in text
