"""Every column that is about somebody is written down, in the code and in the documentation."""

import re
from pathlib import Path

from ota_server.database.tables import metadata
from ota_server.privacy.inventory import IMPERSONAL, KEPT, NUMBERS

PAGE = Path(__file__).parents[2] / "docs/explanation/privacy.md"


def test_every_table_is_about_somebody_or_about_nobody():
    assert set(KEPT) | IMPERSONAL == set(metadata.tables)
    assert not set(KEPT) & IMPERSONAL


def test_every_column_about_somebody_is_listed():
    # what the journal's readers remember of where they are, and how a token or event is made
    ours = {
        "subscriptions": {
            *("position", "attempts", "failing_since", "next_at", "lease", "leased_until", "status"),
        },
        "events": {"version", "severity"},
        "enrolment_tokens": {
            *("token_sha256", "product", "uses_left", "rekey", "created_at", "expires_at"),
        },
        "audit_entries": {"previous_sha256", "sha256"},
    }
    for name, kept in KEPT.items():
        columns = {column.name for column in metadata.tables[name].columns}
        rest = columns - set(kept.columns) - NUMBERS - ours.get(name, set())
        assert not rest, (name, rest)
        assert set(kept.columns) <= columns, name


def test_the_documentation_has_the_same_table():
    row = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
    rows = row.findall(PAGE.read_text(encoding="utf-8"))
    shown = {
        table: (subject, tuple(re.findall(r"`(\w+)`", columns)), why, until)
        for table, subject, columns, why, until in rows
    }
    assert shown == {
        name: (kept.subject.value, kept.columns, kept.why, kept.until) for name, kept in KEPT.items()
    }
