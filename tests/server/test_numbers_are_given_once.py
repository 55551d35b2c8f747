"""SQLite would give the number of a row that is deleted again: to another device, for other reports."""

from datetime import timedelta

from sqlalchemy import insert

from ota_server.database import schema
from ota_server.devices import removal, tokens


def decommission(api, device):
    with api.database.begin() as connection:
        removal.decommission(connection, device.identity.device_id, now=api.now)


def test_b03_a_request_under_way_for_a_removed_device_is_not_the_next_devices(api):
    gone = api.device("cam-1")
    decommission(api, gone)
    assert api.device("cam-2").pk != gone.pk


def test_b06_the_assignment_of_a_removed_device_is_nobody_elses(api):
    stays, gone = api.device("cam-1"), api.device("cam-2")
    for device in (stays, gone):
        device.check_in()
    rollout_id = api.roll_out(stays, gone)
    (last,) = api.rows(schema.rollout_devices, device_pk=gone.pk)
    decommission(api, gone)
    joins = api.device("cam-3")
    row = {"rollout_id": rollout_id, "device_pk": joins.pk, "wave": 1, "state": "pending"}
    with api.database.begin() as connection:
        connection.execute(insert(schema.rollout_devices).values(**row, changed_at=1))
    (new,) = api.rows(schema.rollout_devices, device_pk=joins.pk)
    assert new.id > last.id


def test_a_token_is_not_withdrawn_by_the_number_of_one_that_is_gone(api):
    def issue():
        with api.database.begin() as connection:
            return tokens.issue(connection, product="cam", lifetime=timedelta(hours=1), now=api.now)

    first = issue()
    with api.database.begin() as connection:
        tokens.withdraw(connection, first.id)
    assert issue().id != first.id
