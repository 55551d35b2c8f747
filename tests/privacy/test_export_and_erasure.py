"""What is kept about somebody is handed out to who asks, and goes when it must."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert, inspect, select
from support.operator import NOW

from ota_server.database.events_schema import deliveries, events, subscriptions
from ota_server.database.operators_schema import approvals, audit_entries, operators, sessions
from ota_server.database.tables import metadata
from ota_server.privacy.erasure import GONE_KEPT
from ota_server.privacy.retention import due, retain
from ota_server.settings.notifications import RetentionSettings

AT = int(NOW.timestamp())
FILTER = '{"device_ids":"gw-1","kinds":[],"least_severity":"","products":[]}'


def subscription(number, name, **values):
    row = {
        "id": number,
        "name": name,
        "channel": "mail",
        "address": "owner@example.com",
        "filter": FILTER,
        "status": "active",
        "created_at": AT,
        "position": 0,
    }
    return insert(subscriptions).values(row | values)


def event(number, at=AT, **values):
    row = {
        "id": number,
        "at": at,
        "kind": "device.fell-back",
        "version": 1,
        "product": "gateway",
        "device_id": "gw-1",
        "document": '{"device_id":"gw-1","first":["gw-1","gw-10"],"version":"1.0.0"}',
    }
    return insert(events).values(row | values)


def texts(operator):
    """Every text in the database, but for the audit log."""
    with operator.begin() as connection:
        for table in metadata.sorted_tables:
            if table is not audit_entries:
                for row in connection.execute(select(table)):
                    yield from (str(value) for value in row)


class TestDevice:
    def test_the_export_has_all_that_is_kept_and_no_secret(self, operator):
        with operator.begin() as connection:
            connection.execute(event(1))
            connection.execute(subscription(1, "owner", secret="sealed"))
        operator.run("device", "tag", "gw-1", "kitchen")
        found = operator.json("privacy", "export", "gw-1")
        assert found["subject"] == "device"
        kept = found["kept"]
        assert kept["devices"][0]["tags"] == ["kitchen"]
        assert kept["subscriptions"][0]["address"] == "owner@example.com"
        assert "secret" not in kept["subscriptions"][0]
        assert [one["id"] for one in kept["events"]] == [1]
        assert {one["target"] for one in kept["audit_entries"]} == {"gw-1"}

    def test_a_decommissioned_device_is_named_nowhere_but_in_the_audit_log(self, operator):
        with operator.begin() as connection:
            connection.execute(event(1))
            connection.execute(event(2, device_id="gw-10", document='{"device_id":"gw-10"}'))
            connection.execute(subscription(1, "owner"))
            connection.execute(subscription(2, "all", filter=FILTER.replace("gw-1", "gw-*")))
        operator.run("device", "decommission", "gw-1", "--yes")
        # whom it ends must be told; then this is forgotten too
        left = [row for row in operator.rows(events) if row.device_id == "gw-1"]
        assert [row.kind for row in left] == ["device.decommissioned"]
        retain_later(operator, GONE_KEPT + timedelta(hours=1))
        assert not [text for text in texts(operator) if '"gw-1"' in text or text == "gw-1"]
        assert [row.name for row in operator.rows(subscriptions)] == ["all"]
        document = json.loads(next(row.document for row in operator.rows(events) if row.id == 1))
        assert document == {"device_id": "erased", "first": ["erased", "gw-10"], "version": "1.0.0"}
        assert [row.device_id for row in operator.rows(events)][1] == "gw-10"

    def test_a_product_that_is_called_like_it_keeps_its_subscriptions(self, operator):
        product = FILTER.replace('"gw-1"', '""').replace('"products":[]', '"products":["gw-1"]')
        with operator.begin() as connection:
            connection.execute(event(1, at=AT - 10**7, kind="device.decommissioned", device_id="gw-7"))
            connection.execute(subscription(1, "gone", filter=FILTER.replace("gw-1", "gw-7")))
            connection.execute(subscription(2, "product", filter=product.replace("gw-1", "gw-7")))
        retain_later(operator, timedelta())
        assert [row.name for row in operator.rows(subscriptions)] == ["product"]

    def test_one_that_enrolled_anew_keeps_its_owner(self, operator):
        with operator.begin() as connection:
            connection.execute(event(1, at=AT - 10**7, kind="device.decommissioned"))
            connection.execute(subscription(1, "owner"))
        retain_later(operator, timedelta())
        assert [row.name for row in operator.rows(subscriptions)] == ["owner"]


class TestOperator:
    @pytest.fixture
    def mia(self, operator):
        operator.run("user", "invite", "mia", "--grant", "viewer:*", "--mail", "mia@example.com")
        with operator.begin() as connection:
            number = connection.scalar(select(operators.c.id).filter_by(name="mia"))
            connection.execute(subscription(1, "own", operator_id=number))
            connection.execute(subscription(2, "hers", address="mia@example.com"))
            connection.execute(subscription(3, "other"))
            connection.execute(
                insert(sessions).values(
                    token_sha256="0" * 64,
                    operator_id=number,
                    created_at=AT,
                    used_at=AT,
                    expires_at=AT + 9,
                )
            )
        return number

    def test_the_export_has_all_that_is_kept_and_no_secret(self, operator, mia):
        found = operator.json("privacy", "export", "mia", "--operator")
        assert found["kept"]["operators"][0]["mail"] == "mia@example.com"
        assert "password_hash" not in found["kept"]["operators"][0]
        assert found["kept"]["sessions"] == [
            {"operator_id": mia, "created_at": AT, "used_at": AT, "expires_at": AT + 9}
        ]
        assert {e["action"] for e in found["kept"]["audit_entries"]} >= {"operator.invite"}

    @pytest.mark.usefixtures("mia")
    def test_a_file_is_for_its_owner_alone(self, operator, tmp_path):
        out = tmp_path / "mia.json"
        operator.run("privacy", "export", "mia", "--out", out)
        assert out.stat().st_mode & 0o777 == 0o600
        assert json.loads(out.read_text())["subject"] == "operator"
        assert "--force" in operator.run("privacy", "export", "mia", "--out", out, code=2).stderr

    def test_an_erased_operator_is_named_nowhere_but_in_the_audit_log(self, operator, mia):
        before = [row.sha256 for row in operator.rows(audit_entries)]
        erased = operator.json("privacy", "erase-operator", "mia", "--yes")
        assert erased == {"pseudonym": f"erased-{mia}", "subscriptions": 2, "approvals": 0}
        assert not [text for text in texts(operator) if "mia" in text]
        assert [row.name for row in operator.rows(subscriptions)] == ["other"]
        assert operator.rows(sessions) == []
        # the chain goes on, unbroken
        after = operator.rows(audit_entries)
        assert [row.sha256 for row in after[: len(before)]] == before
        assert (after[-1].action, after[-1].target) == ("privacy.erase-operator", f"erased-{mia}")
        operator.run("audit", "verify")

    @pytest.mark.usefixtures("mia")
    def test_nobody_is_erased_by_mistake(self, operator):
        assert operator.run("privacy", "erase-operator", "mia", code=2)
        assert operator.run("privacy", "erase-operator", "nobody", "--yes", code=1)
        assert "mia" in {row.name for row in operator.rows(operators)}


def retain_later(operator, later):
    from ota_server.database.database import Database

    database = Database(f"sqlite:///{operator.folder}/fleet.db")
    try:
        return retain(database, RetentionSettings(), now=NOW + later)
    finally:
        database.close()


class TestRetention:
    @pytest.fixture
    def old(self, operator):
        day = 86_400
        with operator.begin() as connection:
            connection.execute(subscription(1, "hook"))
            for number, age in ((1, 401), (2, 401), (3, 1)):
                connection.execute(event(number, at=AT - age * day))
            rows = [
                {
                    "subscription_id": 1,
                    "event_id": 1,
                    "state": state,
                    "attempts": 1,
                    "at": AT - age * day,
                }
                | {"event_id": number}
                for number, (state, age) in enumerate(
                    [("delivered", 91), ("dead", 91), ("waiting", 91), ("delivered", 1)]
                )
            ]
            connection.execute(insert(deliveries), rows)
        return operator

    def test_a_dry_run_counts_and_removes_nothing(self, old):
        counted = old.json("privacy", "retain", "--dry-run")
        assert counted["rows"]["events"] == 2
        assert counted["rows"]["deliveries"] == 2
        assert len(old.rows(events)) == 3

    def test_what_is_old_goes_and_nothing_else(self, old):
        removed = old.json("privacy", "retain")["rows"]
        assert (removed["events"], removed["deliveries"]) == (2, 2)
        assert [row.id for row in old.rows(events)] == [3]
        assert sorted(row.state for row in old.rows(deliveries)) == ["delivered", "waiting"]
        assert set(old.json("privacy", "retain")["rows"].values()) == {0}
        (entry,) = old.json("audit", "list", "--action", "privacy.retain")["entries"]
        assert entry["actor_kind"] == "machine"
        assert entry["detail"]["removed"]["deliveries"] == 2

    def test_the_newest_event_stays_however_old(self, old):
        retain_later(old, timedelta(days=9999))
        assert [row.id for row in old.rows(events)] == [3]

    def test_many_go_in_batches(self, old, monkeypatch):
        monkeypatch.setattr("ota_server.privacy.retention._BATCH", 1)
        assert retain_later(old, timedelta())["events"] == 2

    def test_what_would_go_is_what_goes(self, old):
        with old.begin() as connection:
            counted = due(connection, RetentionSettings(), NOW)
            assert inspect(connection).has_table("events")
        assert dict(retain_later(old, timedelta())) == counted


def test_approvals_keep_that_somebody_agreed(operator):
    from ota_server.database.schema import groups, rollouts
    from ota_server.operators import account
    from ota_server.privacy.erasure import erase_operator

    operator.run("user", "invite", "mia", "--grant", "approver:*")
    with operator.begin() as connection:
        mia = account.find(connection, "mia")
        group = {"product": "gateway", "name": "g", "query": "", "created_at": AT}
        connection.execute(insert(groups).values(id=1, **group))
        rollout = {
            "product": "gateway",
            "name": "r",
            "version": "1.0.0",
            "group_id": 1,
            "state": "running",
        }
        more = {"plan": "{}", "salt": "", "max_in_flight": 1}
        times = dict.fromkeys(("created_at", "starts_at", "changed_at"), AT)
        connection.execute(insert(rollouts).values(id=1, **rollout, **more, **times))
        asked = {"asked_by": "token:ci", "asked_at": AT, "decided_by": "operator:mia", "decided_at": AT}
        connection.execute(insert(approvals).values(rollout_id=1, verdict="approved", **asked))
        assert erase_operator(connection, mia).approvals == 1
        row = connection.execute(select(approvals)).one()
    assert (row.decided_by, row.verdict) == (f"operator:erased-{mia.id}", "approved")
