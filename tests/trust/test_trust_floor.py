"""The trust floor: it only rises, but for roles under new keys."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client.errors import MetadataRollbackError
from ota_client.rollback import RoleFloor, TrustFloor
from ota_client.state import DeviceState

ROLES = ("root", "timestamp", "snapshot", "targets", "gateway")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
times = st.integers(0, 10**6).map(lambda seconds: BEGIN + timedelta(seconds=seconds))
keys = st.sampled_from([("a",), ("b",), ("a", "b")])
floors = st.builds(
    TrustFloor,
    st.fixed_dictionaries({role: st.builds(RoleFloor, st.integers(1, 9), keys) for role in ROLES}),
    times,
)


def renewed(role, before, now):
    """Whether a key was taken away; what the old keys signed counts no more."""
    return bool(set(before.roles[role].key_ids) - set(now.roles[role].key_ids))


@given(floors, floors)
def test_what_is_accepted_is_nowhere_older_unless_under_new_keys(before, seen):
    try:
        after = before.raised_to(seen)
    except MetadataRollbackError:
        return
    assert after == seen
    online = renewed("timestamp", before, seen) or renewed("snapshot", before, seen)
    assert seen.signed_at >= before.signed_at or online
    for role in ROLES:
        fresh = online if role in {"timestamp", "snapshot"} else renewed(role, before, seen)
        assert seen.roles[role].version >= before.roles[role].version or (fresh and role != "root")


@given(floors)
def test_the_same_again_is_accepted(floor):
    assert floor.raised_to(floor) == floor


@given(floors)
def test_a_new_device_accepts_anything_once(floor):
    assert TrustFloor().raised_to(floor) == floor


@pytest.mark.parametrize("role", ROLES)
@given(floor=floors)
def test_one_version_less_is_refused(role, floor):
    old = floor.roles[role]
    older = {**floor.roles, role: RoleFloor(old.version - 1, old.key_ids)}
    with pytest.raises(MetadataRollbackError, match=f"role {role}"):
        floor.raised_to(TrustFloor(older, floor.signed_at))


@given(floors)
def test_a_root_is_never_taken_back_by_new_keys(floor):
    old = floor.roles["root"]
    older = {**floor.roles, "root": RoleFloor(old.version - 1, ("thief",))}
    with pytest.raises(MetadataRollbackError, match="role root"):
        floor.raised_to(TrustFloor(older, floor.signed_at))


@given(floors)
def test_a_floor_is_remembered_as_it_is(floor):
    state = DeviceState(trust_floor=floor)
    assert DeviceState.from_bytes(state.to_bytes()) == state


def test_a_second_product_does_not_forget_the_first():
    before = TrustFloor({"gateway": RoleFloor(5, ("a",))}, BEGIN)
    after = before.raised_to(TrustFloor({"sensor": RoleFloor(1, ("a",))}, BEGIN))
    assert after.roles == {"gateway": RoleFloor(5, ("a",)), "sensor": RoleFloor(1, ("a",))}
