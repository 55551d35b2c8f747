from datetime import timedelta

import pytest
from device_rows import NOW, SECONDS, add_device, one_transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, update
from support.fleet import open_database

from ota_client.formats.version import Version
from ota_server.database.schema import device_events, groups, rollout_devices, rollouts
from ota_server.devices import device_list
from ota_server.devices.device import device_rows, find, history
from ota_server.devices.device_list import DeviceFilter
from ota_server.devices.membership import enter
from ota_server.errors import InvalidError, NotFoundError


@pytest.fixture
def connection():
    with one_transaction() as connection:
        yield connection


def add_group(connection, name="lab", product="camera"):
    row = {"product": product, "name": name, "query": "all", "created_at": SECONDS}
    return connection.execute(insert(groups).values(row)).inserted_primary_key[0]


def add_rollout(connection, version, *, group, priority=0):
    row = {
        "product": "camera",
        "name": f"r{version}",
        "version": version,
        "group_id": group,
        "state": "running",
        "plan": "{}",
        "salt": "s",
        "priority": priority,
        "max_in_flight": 1,
        "created_at": SECONDS,
        "starts_at": SECONDS,
        "changed_at": SECONDS,
    }
    return connection.execute(insert(rollouts).values(row)).inserted_primary_key[0]


def put_in(connection, rollout, device_pk, state, version=None):
    row = {
        "rollout_id": rollout,
        "device_pk": device_pk,
        "wave": 1,
        "state": state,
        "version": version,
        "changed_at": SECONDS,
    }
    connection.execute(insert(rollout_devices).values(row))


def test_a_device_is_shown_as_it_is_known(connection):
    add_device(
        connection,
        "cam-0001",
        seen_at=SECONDS + 5,
        tags=("beta",),
        running_version="1.3.9",
        rollback_index=4,
        root_version=2,
        phase="idle",
        penalty_until=SECONDS + 60,
    )
    device = find(connection, "cam-0001")
    assert device.running_version == Version(1, 3, 9)
    assert device.tags == ("beta",)
    assert device.to_fields() == {
        "device_id": "cam-0001",
        "product": "camera",
        "hardware_id": "cam-v2",
        "key_sha256": device.key_sha256,
        "status": "active",
        "created_at": "2026-11-22T08:00:00Z",
        "certificate_expires_at": "2026-11-23T08:00:00Z",
        "tags": ["beta"],
        "running_version": "1.3.9",
        "rollback_index": 4,
        "root_version": 2,
        "phase": "idle",
        "seen_at": "2026-11-22T08:00:05Z",
        "penalty_until": "2026-11-22T08:01:00Z",
        "offered_version": None,
    }


def test_a_device_that_never_came_has_nothing_to_show(connection):
    add_device(connection, "cam-0001")
    device = find(connection, "cam-0001")
    assert device.running_version is device.seen_at is device.penalty_until is device.phase is None


@pytest.mark.parametrize("device_id", ["cam-0002", "", "CAM-0001", "cam\0", "cam-0001 ", "x" * 65])
def test_an_unknown_device_is_not_found(connection, device_id):
    add_device(connection, "cam-0001")
    with pytest.raises(NotFoundError, match="the id of a known device"):
        find(connection, device_id)


def test_the_offered_version_is_that_of_the_open_rollout(connection):
    pk = add_device(connection, "cam-0001")
    group = add_group(connection)
    done, low, high = (
        add_rollout(connection, version, group=group, priority=priority)
        for version, priority in (("1.0.0", 9), ("1.1.0", 1), ("1.2.0", 2))
    )
    put_in(connection, done, pk, "succeeded", "1.0.0")
    assert find(connection, "cam-0001").offered_version is None
    put_in(connection, low, pk, "pending")
    put_in(connection, high, pk, "pending")
    assert find(connection, "cam-0001").offered_version == Version(1, 2, 0)


def test_a_halted_rollout_offers_nothing_to_those_that_wait(connection):
    group = add_group(connection)
    rollout = add_rollout(connection, "1.1.0", group=group)
    put_in(connection, rollout, add_device(connection, "cam-1"), "pending")
    put_in(connection, rollout, add_device(connection, "cam-2"), "trial", "1.1.0")
    connection.execute(update(rollouts).values(state="halted"))
    assert find(connection, "cam-1").offered_version is None
    assert find(connection, "cam-2").offered_version == Version(1, 1, 0)


def test_what_is_being_installed_comes_before_what_is_more_urgent(connection):
    pk = add_device(connection, "cam-0001")
    group = add_group(connection)
    put_in(connection, add_rollout(connection, "1.2.0", group=group, priority=2), pk, "pending")
    # the stepping stone before the release itself
    put_in(connection, add_rollout(connection, "1.1.0", group=group), pk, "downloading", "1.0.5")
    assert find(connection, "cam-0001").offered_version == Version(1, 0, 5)


@pytest.fixture
def fleet(connection):
    for number in range(5):
        seen_at = SECONDS + number - 2 if number else None
        version = "1.0.0" if number % 2 else "1.1.0"
        add_device(connection, f"cam-{number}", running_version=version, seen_at=seen_at)
    add_device(connection, "cam", running_version="1.0.0", tags=("alpha", "beta"))
    add_device(connection, "cam-1.b")
    add_device(connection, "cam_2", status="revoked", tags=("beta",))
    add_device(connection, "lock-1", product="lock", running_version="1.0.0", phase="trial")
    return connection


def listed(connection, *, after=None, limit=100, products=None, **filters):
    wanted = DeviceFilter(**filters)
    return device_list.listed(connection, wanted, products=products, after=after, limit=limit)


def ids(page):
    return [device.device_id for device in page.items]


def test_devices_are_listed_in_the_order_of_their_ids(fleet):
    page = listed(fleet)
    assert ids(page) == [
        *("cam", "cam-0", "cam-1", "cam-1.b", "cam-2", "cam-3", "cam-4", "cam_2", "lock-1")
    ]
    assert page.total == 9
    assert page.next_after is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"product": "lock"}, ["lock-1"]),
        ({"version": Version(1, 0, 0)}, ["cam", "cam-1", "cam-3", "lock-1"]),
        ({"version": Version(1, 0, 0), "product": "camera"}, ["cam", "cam-1", "cam-3"]),
        ({"text": "cam-1"}, ["cam-1", "cam-1.b"]),
        ({"text": "cam-"}, ["cam-0", "cam-1", "cam-1.b", "cam-2", "cam-3", "cam-4"]),
        ({"text": "door"}, []),
        ({"product": "door"}, []),
        ({"group": "none", "product": "camera"}, []),
        ({"status": "revoked"}, ["cam_2"]),
        ({"tag": "beta"}, ["cam", "cam_2"]),
        ({"tag": "bet"}, []),
        ({"phase": "trial"}, ["lock-1"]),
        (
            {"seen_before": NOW + timedelta(seconds=1), "text": "cam-"},
            ["cam-0", "cam-1", "cam-1.b", "cam-2"],
        ),
        # enrolled since then, and not seen yet: that is not long
        ({"seen_before": NOW, "text": "cam-"}, []),
        ({"expires_before": NOW - timedelta(days=3650)}, []),
        ({"expires_before": NOW + timedelta(days=3650), "text": "lock"}, ["lock-1"]),
    ],
)
def test_filters_narrow_the_list_and_its_total(fleet, filters, expected):
    page = listed(fleet, **filters)
    assert ids(page) == expected
    assert page.total == len(expected)


def test_a_group_filters_too(fleet):
    group = add_group(fleet)
    enter(fleet, group, [find(fleet, "cam-3").pk])
    page = listed(fleet, group="lab", product="camera")
    assert (ids(page), page.total) == (["cam-3"], 1)
    assert listed(fleet, group="lab", product="camera", products=frozenset({"lock"})).total == 0
    with pytest.raises(InvalidError, match="group: expected a product with it"):
        listed(fleet, group="lab")


def test_only_devices_of_seen_products_are_listed_or_counted(fleet):
    for products, expected in ((frozenset({"lock"}), ["lock-1"]), (frozenset(), [])):
        for filters in ({}, {"version": Version(1, 0, 0)}, {"phase": "trial"}):
            page = listed(fleet, products=products, **filters)
            assert (ids(page), page.total) == (expected, len(expected))


def test_what_no_counter_knows_is_counted_so_far(fleet, monkeypatch):
    monkeypatch.setattr("ota_server.page.COUNTED_MOST", 2)
    page = listed(fleet, text="cam-", limit=1)
    assert (page.total, page.total_is_exact) == (2, False)
    page = listed(fleet, tag="beta")
    assert (page.total, page.total_is_exact) == (2, True)
    assert listed(fleet, limit=1).total == 9


@settings(max_examples=12)
@given(limit=st.integers(1, 12), prefix=st.sampled_from([None, "cam-", "c"]))
def test_the_pages_together_are_the_list(fleet_once, limit, prefix):
    whole = listed(fleet_once, text=prefix)
    found, after = [], None
    while True:
        page = listed(fleet_once, text=prefix, after=after, limit=limit)
        assert page.total == whole.total
        assert len(page.items) <= limit
        found += page.items
        if page.next_after is None:
            break
        assert page.items
        after = page.next_after
    assert tuple(found) == whole.items


@pytest.fixture(scope="module")
def fleet_once(tmp_path_factory):
    database = open_database(tmp_path_factory.mktemp("fleet"))
    with database.begin() as connection:
        for number in range(11):
            add_device(connection, f"{'cam-' if number % 3 else 'cat'}{number}")
        yield connection
    database.close()


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": 1001}, {"text": "CAM"}, {"text": "a\0"}, {"after": "%"}]
)
def test_what_cannot_be_asked_for_is_refused(fleet, wrong):
    with pytest.raises(InvalidError, match=f"^{next(iter(wrong))}: expected "):
        listed(fleet, **wrong)


def test_a_prefix_is_read_from_the_index(fleet):
    plan = fleet.exec_driver_sql(
        "EXPLAIN QUERY PLAN SELECT * FROM devices WHERE device_id >= 'cam-' AND device_id < 'cam-\x7f' "
        "AND device_id > 'cam-1' ORDER BY device_id LIMIT 10"
    ).all()
    assert len(plan) == 1
    assert "USING INDEX" in plan[0].detail


def test_the_history_has_the_newest_first(connection):
    pk = add_device(connection, "cam-0001")
    other = add_device(connection, "cam-0002")
    for number, (device, kind) in enumerate([(pk, "enrolled"), (other, "enrolled"), (pk, "failed")]):
        row = {
            "device_pk": device,
            "at": SECONDS + number,
            "kind": kind,
            "version": "1.1.0",
            "code": "x",
        }
        connection.execute(insert(device_events).values(row))
    found = history(connection, "cam-0001")
    assert [entry.kind for entry in found] == ["failed", "enrolled"]
    assert found[0].to_fields() == {
        "at": "2026-11-22T08:00:02Z",
        "kind": "failed",
        "version": "1.1.0",
        "rollout": None,
        "code": "x",
        "detail": "",
    }
    assert len(history(connection, "cam-0001", limit=1)) == 1
    with pytest.raises(NotFoundError):
        history(connection, "cam-0003")


def test_what_is_offered_is_looked_up_by_the_index_of_open_places(fleet):
    """Without it, each device of a page would cost as much as all places of all rollouts."""
    asked = []
    event.listen(fleet.engine, "before_cursor_execute", note := lambda *a: asked.append(a[2:4]))
    fleet.execute(device_rows()).all()
    event.remove(fleet.engine, "before_cursor_execute", note)
    ((statement, values),) = asked
    plan = fleet.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert any("ix_rollout_devices_open" in step.detail for step in plan)
