"""B12: what devices, files and people say is text, whatever it says: the browser runs nothing of it."""

import json

import pytest
from every_page import PATHS, needs_an_account, pages_with_something_in_them
from playwright.sync_api import expect
from sqlalchemy import select
from story import TAKES_IT, make_group

from ota_server.database.schema import devices
from ota_server.devices import inventory

IMAGE = "<img src=x onerror=alert(1)>"
HOSTILE = f"\"'></script><script>alert(1)</script>{IMAGE}{{{{ 7919 * 7907 }}}}"
# what the database would hold if nothing had been checked on its way in
TEXTS = {
    "devices": ("hardware_id", "phase"),
    "device_events": ("kind", "code", "detail"),
    "groups": ("name", "query"),
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
def poisoned(dashboard):
    with dashboard.begin() as connection:
        for table, columns in TEXTS.items():
            for column in columns:
                # a unique name stays unique
                more = "rowid" if table in {"groups", "rollouts"} else "''"
                sql = f"UPDATE {table} SET {column} = ? || {more}"  # noqa: S608 - names of ours
                connection.exec_driver_sql(sql, (HOSTILE,))
        connection.exec_driver_sql("UPDATE devices SET tags = ?", (json.dumps([HOSTILE]),))
        told = {"attributes": {HOSTILE: HOSTILE}, "slots": [{"name": HOSTILE, "version": HOSTILE}]}
        connection.exec_driver_sql("UPDATE inventories SET document = ?", (json.dumps(told),))
    return dashboard


def test_no_page_runs_what_the_database_holds(visit, poisoned, furnished):
    token_of = {True: "mia", False: ""}
    addresses = pages_with_something_in_them(furnished.rollouts, poisoned.invitation_of("kai"))
    for has_account, name in token_of.items():
        person = visit(name)
        # an audit log that was tampered with is told of as such
        person.troubles.allow_refusals()
        page = person.open("/sign-in")
        for path in PATHS:
            if needs_an_account(path) is has_account:
                page.goto(addresses[path])
                assert page.locator("img").count() == 0, path
                assert "62615533" not in page.content(), path


def test_what_a_device_tells_of_itself_stands_on_its_page_as_it_was_told(visit, dashboard):
    make_group(dashboard)
    with dashboard.begin() as connection:
        pk = connection.scalar(select(devices.c.pk).filter_by(device_id=TAKES_IT[0]))
        slots = [{"name": IMAGE, "version": IMAGE, "booted": True}]
        told = {"attributes": {"motto": HOSTILE}, "slots": slots}
        inventory.put(connection, pk, told, now=dashboard.clock())
    page = visit("vic", "viewer:*").open(f"/devices/{TAKES_IT[0]}")
    expect(page.get_by_text(HOSTILE, exact=True)).to_be_visible()
    expect(page.get_by_text(IMAGE).first).to_be_visible()
