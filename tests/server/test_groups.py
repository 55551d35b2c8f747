import pytest
from device_rows import NOW, SECONDS, add_device, check_counters, member_ids, one_transaction
from sqlalchemy import delete, insert, select

from ota_client.formats.version import Version
from ota_client.protocol import CheckIn
from ota_server.database.schema import devices, group_members, rollouts
from ota_server.devices import changes, device_facts, groups, tags
from ota_server.errors import ConflictError, InvalidError, NotFoundError


@pytest.fixture
def told(monkeypatch):
    """What the rollouts are told."""
    calls = []
    for name in ("joined", "left"):

        def record(_connection, group_id, device_pk, *, now, name=name):
            assert now == NOW
            calls.append((name, group_id, device_pk))

        def record_all(connection, group_id, device_pks, *, now, record=record):
            for device_pk in device_pks:
                record(connection, group_id, device_pk, now=now)

        monkeypatch.setattr(changes.joining, name, record)
        monkeypatch.setattr(changes.joining, f"all_{name}", record_all)
    return calls


@pytest.fixture
def connection(told):
    with one_transaction() as connection:
        yield connection
        check_counters(connection)


def create(connection, name, query, product="camera"):
    return groups.create(connection, product=product, name=name, query=query, now=NOW)


def edit(connection, name, query):
    return groups.edit(connection, product="camera", name=name, query=query, now=NOW)


def check_in(version, *, rollback_index=1, phase="idle", root_version=1):
    return CheckIn(Version.parse(version), rollback_index, phase, root_version, "")


def test_a_new_group_has_the_devices_of_its_product_that_match(connection):
    add_device(connection, "cam-1", tags=("beta",))
    add_device(connection, "cam-2")
    add_device(connection, "lock-1", product="lock", tags=("beta",))
    group = create(connection, "beta", "tag=beta")
    assert member_ids(connection, group.id) == ["cam-1"]
    assert group.to_fields() == {
        "product": "camera",
        "name": "beta",
        "query": "tag = beta",
        "created_at": "2026-11-22T08:00:00Z",
        "devices": 1,
    }


def test_a_scan_goes_on_behind_its_first_batch(connection, monkeypatch):
    monkeypatch.setattr(device_facts, "_BATCH", 3)
    for number in range(7):
        add_device(connection, f"cam-{number}")
    assert create(connection, "everybody", "all").devices == 7
    assert create(connection, "odd", "device_id in (cam-1, cam-3, cam-6)").devices == 3


def test_a_check_in_moves_a_device_between_groups(connection, told):
    pk = add_device(connection, "cam-1", running_version="1.0.0")
    old = create(connection, "old", "version < 2.0.0")
    new = create(connection, "new", "version >= 2.0.0")
    changes.record_check_in(connection, pk, check_in("2.0.0", rollback_index=7, root_version=3), now=NOW)
    assert member_ids(connection, old.id) == []
    assert member_ids(connection, new.id) == ["cam-1"]
    assert groups.find(connection, "camera", "new").devices == 1
    assert told == [("left", old.id, pk), ("joined", new.id, pk)]
    row = connection.execute(select(devices).where(devices.c.pk == pk)).one()
    assert (row.running_version, row.rollback_index, row.root_version, row.phase) == (
        "2.0.0",
        7,
        3,
        "idle",
    )


def test_a_check_in_that_says_nothing_new_evaluates_nothing(connection, monkeypatch):
    pk = add_device(connection, "cam-1")
    changes.record_check_in(connection, pk, check_in("1.0.0"), now=NOW)
    monkeypatch.setattr(changes, "changed", None)
    changes.record_check_in(connection, pk, check_in("1.0.0"), now=NOW)
    # a new root is written down, and no query asks for it
    changes.record_check_in(connection, pk, check_in("1.0.0", root_version=2), now=NOW)
    assert connection.scalar(select(devices.c.root_version)) == 2


def test_a_device_that_is_gone_changes_nothing(connection, told):
    pk = add_device(connection, "cam-1")
    create(connection, "everybody", "tag = never")
    connection.execute(delete(devices).where(devices.c.pk == pk))
    changes.record_check_in(connection, pk, check_in("1.0.0"), now=NOW)
    changes.changed(connection, pk, now=NOW)
    assert told == []


def test_rollouts_are_told_after_all_counters(connection, monkeypatch):
    add_device(connection, "cam-1")
    for name in ("a", "b"):
        create(connection, name, "tag = beta")
    seen = []

    def joined(connection, *_, now):
        check_counters(connection)
        seen.append(len(connection.execute(select(group_members)).all()))

    monkeypatch.setattr(changes.joining, "joined", joined)
    tags.change(connection, "cam-1", add=["beta"], now=NOW)
    assert seen == [2, 2]


def add_rollout(connection, group_id):
    row = {"product": "camera", "name": "r", "version": "2.0.0", "group_id": group_id, "salt": ""}
    times = dict.fromkeys(("created_at", "starts_at", "changed_at"), SECONDS)
    row |= {"state": "running", "plan": "{}", "max_in_flight": 1, **times}
    connection.execute(insert(rollouts).values(row))


def test_an_edited_query_is_evaluated_for_all_and_tells_open_rollouts(connection, told):
    first, _, third = (add_device(connection, f"cam-{n}", tags=(f"t{n}",)) for n in range(3))
    group = create(connection, "some", "tag in (t0, t1)")
    edit(connection, "some", "tag in (t1, t2)")
    # a group without rollouts has nobody to tell
    assert told == []
    add_rollout(connection, group.id)
    edited = edit(connection, "some", "tag in (t0, t1)")
    assert told == [("joined", group.id, first), ("left", group.id, third)]
    assert member_ids(connection, group.id) == ["cam-0", "cam-1"]
    assert edited.query == "tag in (t0, t1)"
    assert edited.devices == 2


def test_a_group_that_a_rollout_names_is_not_deleted(connection):
    group = create(connection, "some", "all")
    add_rollout(connection, group.id)
    with pytest.raises(ConflictError, match="no rollout was made for"):
        groups.remove(connection, product="camera", name="some")
    create(connection, "other", "all")
    groups.remove(connection, product="camera", name="other")
    assert [one.name for one in groups.listed(connection, products=None)] == ["some"]


def test_a_deleted_group_leaves_its_devices(connection):
    add_device(connection, "cam-1")
    create(connection, "some", "all")
    groups.remove(connection, product="camera", name="some")
    assert not connection.execute(select(group_members)).all()
    assert connection.execute(select(devices)).all()


def test_a_name_is_taken_once_a_product():
    with one_transaction() as connection:
        create(connection, "some", "all")
        create(connection, "some", "all", product="lock")
        with pytest.raises(ConflictError, match="a new name"):
            create(connection, "some", "tag = beta")


@pytest.mark.parametrize(("name", "query"), [("No", "all"), ("a b", "all"), ("", "all"), ("a", "al")])
def test_what_is_no_group_is_refused(connection, name, query):
    with pytest.raises(InvalidError):
        create(connection, name, query)
    assert groups.listed(connection, products=None) == ()


@pytest.mark.parametrize("name", ["other", "No", "a\0"])
def test_an_unknown_group_is_not_found(connection, name):
    create(connection, "some", "all")
    for act in (groups.find, lambda c, product, name: groups.members(c, product=product, name=name)):
        with pytest.raises(NotFoundError, match="group list"):
            act(connection, "camera", name)


def test_members_come_by_page(connection):
    for number in range(3):
        add_device(connection, f"cam-{number}")
    create(connection, "some", "not device_id = cam-1")
    page = groups.members(connection, product="camera", name="some", limit=1)
    assert (page.total, page.next_after) == (2, "cam-0")
    page = groups.members(connection, product="camera", name="some", limit=1, after="cam-0")
    assert [device.device_id for device in page.items] == ["cam-2"]
    assert page.next_after is None


def test_a_preview_changes_nothing(connection):
    for number in range(3):
        add_device(connection, f"cam-{number}", tags=("beta",) if number else ())
    found = groups.preview(connection, product="camera", query="tag = beta", limit=1)
    assert found == groups.Matches(2, ("cam-1",))
    assert groups.listed(connection, products=None) == ()
    with pytest.raises(InvalidError, match="column 1"):
        groups.preview(connection, product="camera", query="?")
