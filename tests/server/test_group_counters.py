"""A random life of devices and groups: every counter is its recount, every group what its query says."""

import pytest
from device_rows import NOW, add_device, check_counters, check_members, one_transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from ota_client.formats.version import Version
from ota_client.protocol import CheckIn
from ota_server.database.schema import devices
from ota_server.devices import changes, groups, inventory, removal, tags

DEVICES = st.integers(0, 5)
GROUPS = st.integers(0, 3)
QUERIES = st.sampled_from(
    [
        "all",
        "not all",
        "version < 2.0.0",
        "version >= 1.5.0 and not tag = a",
        "tag = a or tag = b",
        "attribute.region = eu",
        "attribute.cores > 2 and phase = trial",
        "rollback_index = 1",
    ]
)
VERSIONS = st.sampled_from([Version(1, 0, 0), Version(1, 5, 0), Version(2, 0, 0)])


class GroupLife(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.transaction = one_transaction()
        self.connection = self.transaction.__enter__()

    @initialize()
    def begin_with_something(self):
        for number in range(3):
            self.enrol(number, with_tag=number == 0)
        for number, query in enumerate(["tag = a", "version < 2.0.0", "attribute.region = eu"]):
            self.make_or_edit(number, query)

    def teardown(self):
        self.transaction.__exit__(None, None, None)

    def pk(self, number):
        query = select(devices.c.pk).where(devices.c.device_id == f"cam-{number}")
        return self.connection.scalar(query)

    @rule(number=DEVICES, with_tag=st.booleans())
    def enrol(self, number, with_tag):
        if self.pk(number) is None:
            pk = add_device(self.connection, f"cam-{number}", tags=("a",) if with_tag else ())
            changes.changed(self.connection, pk, now=NOW)

    @rule(number=DEVICES)
    def decommission(self, number):
        removal.decommission(self.connection, f"cam-{number}", now=NOW)

    @rule(number=DEVICES, add=st.sets(st.sampled_from("ab")), remove=st.sets(st.sampled_from("ab")))
    def tag(self, number, add, remove):
        if self.pk(number) is not None:
            tags.change(self.connection, f"cam-{number}", add=add, remove=remove, now=NOW)

    @rule(
        number=DEVICES,
        version=VERSIONS,
        index=st.integers(0, 2),
        phase=st.sampled_from(["idle", "installed", "trial"]),
    )
    def check_in(self, number, version, index, phase):
        if (pk := self.pk(number)) is not None:
            said = CheckIn(version, index, phase, 1, "")
            changes.record_check_in(self.connection, pk, said, now=NOW)

    @rule(number=DEVICES, region=st.sampled_from(["eu", "us"]), cores=st.integers(1, 4))
    def send_inventory(self, number, region, cores):
        if (pk := self.pk(number)) is not None:
            document = {"attributes": {"region": region, "cores": cores}, "slots": []}
            inventory.put(self.connection, pk, document, now=NOW)

    @rule(number=GROUPS, query=QUERIES)
    def make_or_edit(self, number, query):
        known = {group.name for group in groups.listed(self.connection, products=None)}
        name = f"group-{number}"
        act = groups.edit if name in known else groups.create
        act(self.connection, product="camera", name=name, query=query, now=NOW)

    @precondition(lambda self: groups.listed(self.connection, products=None))
    @rule(data=st.data())
    def remove_group(self, data):
        group = data.draw(st.sampled_from(groups.listed(self.connection, products=None)))
        groups.remove(self.connection, product="camera", name=group.name)

    @invariant()
    def every_counter_is_its_recount(self):
        check_counters(self.connection)

    @invariant()
    def every_group_is_what_its_query_says(self):
        check_members(self.connection)


QUICK = settings(
    max_examples=5, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
LONG = settings(QUICK, max_examples=60, stateful_step_count=50)


def test_groups_stay_what_their_queries_say():
    run_state_machine_as_test(GroupLife, settings=QUICK)


@pytest.mark.system
def test_groups_stay_what_their_queries_say_over_many_lives():
    run_state_machine_as_test(GroupLife, settings=LONG)
