import hashlib
import json
import logging

import pytest
from sqlalchemy.exc import IntegrityError
from support.device_api import ApiUnderTest, Device, report
from support.fleet import HARDWARE, PRODUCT
from support.identities import Identity

from ota_client.formats.strict import canonical_json
from ota_client.protocol import CheckInAnswer, Enrolment
from ota_server.database import schema
from ota_server.devices import removal
from ota_server.errors import DatabaseUnavailableError
from ota_server.rollouts import rollout
from ota_server.rollouts.windows import MaintenanceWindow

NOTHING = {"check_in_after_s": 300, "inventory_wanted": True}


@pytest.fixture
def device(api):
    one = api.device()
    assert one.check_in().json == NOTHING
    return one


def test_a_device_with_nothing_to_do_is_told_when_to_come_again(device):
    answer = device.check_in()
    assert (answer.status, answer.json) == (200, NOTHING)
    assert answer.headers["cache-control"] == "no-store"
    assert CheckInAnswer.parse(answer.json).check_in_after_s == 300


def test_what_a_device_says_is_written_down_when_it_is_new(api, device):
    device.check_in(running_version="1.0.1", rollback_index=2, phase="trial", root_version=3)
    (row,) = api.rows(schema.devices)
    assert (row.running_version, row.rollback_index, row.phase, row.root_version) == (
        "1.0.1",
        2,
        "trial",
        3,
    )


def test_a_check_in_that_says_nothing_new_begins_no_transaction(api, device, monkeypatch):
    monkeypatch.setattr(api.database, "_transaction", None)
    assert device.check_in().json == NOTHING


def test_a_device_is_given_its_rollout_once_and_told_of_it_until_it_has_answered(api, device):
    rollout_id = api.roll_out(device)
    assigned = device.check_in().json
    number = assigned["assignment"]["id"]
    assert assigned["assignment"] == {"id": number, "version": "1.1.0", "consent_wanted": False}
    assert assigned["check_in_after_s"] == 60
    assert device.check_in().json == assigned
    assert device.ask("GET", "/device/v1/assignment").json == assigned["assignment"]
    assert [row.in_flight for row in api.rows(schema.rollouts, id=rollout_id)] == [1]

    done = device.report(
        report(1, "downloading", assignment=number), report(2, "confirmed", assignment=number)
    )
    assert done.json == {"accepted": 2}
    assert device.check_in(running_version="1.1.0").json == NOTHING
    assert device.ask("GET", "/device/v1/assignment").status == 404
    assert [row.state for row in api.rows(schema.rollouts, id=rollout_id)] == ["finished"]


def test_a_device_that_a_halt_called_back_is_told_nothing_until_it_answers(api, device):
    halted = api.roll_out(device)
    api.roll_out(device, name="next", group="others")
    number = device.check_in().json["assignment"]["id"]
    api.set(schema.rollouts, {"id": halted}, state="halted")
    assert "assignment" not in device.check_in().json
    assert device.ask("GET", "/device/v1/assignment").status == 404
    device.report(report(1, "failed", assignment=number, code="storage"))
    assert device.check_in().json["assignment"]["id"] != number


def test_a_paused_rollout_gives_nothing_new_and_lets_go_on_what_has_begun(api, device):
    late = api.device("cam-2")
    late.check_in()
    rollout_id = api.roll_out(device, late)
    begun = device.check_in().json
    with api.database.begin() as connection:
        rollout.pause(connection, rollout_id, now=api.now)
    assert device.check_in().json == begun
    assert late.check_in().json == NOTHING


def test_nobody_gets_a_place_that_is_not_free(api, device):
    late = api.device("cam-2")
    late.check_in()
    api.roll_out(device, late, max_in_flight=1)
    assert "assignment" in device.check_in().json
    assert late.check_in().json == NOTHING


def test_the_owner_is_asked_first_where_the_rollout_says_so(api, device):
    api.roll_out(device, forced=False)
    asked = device.check_in().json["assignment"]
    assert asked["consent_wanted"] is True
    assert api.rows(schema.rollouts)[0].in_flight == 0
    assert device.check_in(consent=asked["id"] + 1).json["assignment"] == asked
    assert device.check_in(consent=asked["id"]).json["assignment"]["consent_wanted"] is False


def test_outside_of_its_window_a_device_is_told_nothing_at_the_cost_of_a_look_up(
    api, device, monkeypatch
):
    api.roll_out(device, windows=(MaintenanceWindow.parse("22:00-04:00"),))
    assert device.check_in().json == NOTHING
    with monkeypatch.context() as patched:
        patched.setattr(api.database, "_transaction", None)
        assert device.check_in().json == NOTHING
    api.now = api.now.replace(hour=22)
    assert "assignment" in device.check_in().json


def test_a_device_in_the_penalty_box_or_in_the_middle_of_something_is_offered_nothing(api, device):
    api.roll_out(device)
    assert "assignment" not in device.check_in(phase="trial").json
    api.set(schema.devices, {"pk": device.pk}, penalty_until=int(api.now.timestamp()) + 1)
    assert "assignment" not in device.check_in().json
    api.set(schema.devices, {"pk": device.pk}, penalty_until=int(api.now.timestamp()))
    assert "assignment" in device.check_in().json


def test_where_the_first_rollout_has_no_place_the_second_is_offered(api, device):
    other = api.device("cam-2")
    other.check_in()
    api.roll_out(device, other, max_in_flight=1, priority=5)
    other.check_in()
    second = api.roll_out(device, name="next", group="others")
    assert "assignment" in device.check_in().json
    assert [row.in_flight for row in api.rows(schema.rollouts, id=second)] == [1]


def test_the_inventory_is_asked_for_until_the_server_has_it(api, device):
    sent = {
        "attributes": {"region": "eu", "floor": -1, "indoor": True},
        "slots": [{"name": "A", "version": None, "booted": True, "good": True, "bootable": True}],
    }
    digest = hashlib.sha256(canonical_json(sent)).hexdigest()
    assert device.check_in(inventory=digest).json["inventory_wanted"] is True
    answer = device.ask("PUT", "/device/v1/attributes", sent)
    assert (answer.status, answer.content) == (204, b"")
    assert device.check_in(inventory=digest).json["inventory_wanted"] is False
    assert json.loads(api.rows(schema.inventories)[0].document) == sent


def test_a_device_enrols_by_a_token_and_renews(api):
    token = api.token()
    new = Device(api, Identity.new("cam-7", product=PRODUCT))
    assert new.check_in().status == 401
    csr = new.identity.request().csr_pem
    asked = {"device_id": "cam-7", "product": PRODUCT, "hardware_id": HARDWARE, "csr": csr}
    refused = api.ask("POST", "/device/v1/enrol", asked)
    assert (refused.status, refused.json["code"]) == (403, "enrolment")
    made = api.ask("POST", "/device/v1/enrol", {**asked, "token": token})
    assert made.status == 201
    assert Enrolment.parse(made.json).device_id == "cam-7"
    assert new.check_in().status == 200
    renewed = new.ask("POST", "/device/v1/renew", {"csr": csr})
    assert renewed.status == 200
    assert Enrolment.parse(renewed.json).certificate != made.json["certificate"]
    wrong = new.ask("POST", "/device/v1/renew", {"csr": "no request"})
    assert (wrong.status, wrong.json["field"]) == (422, "$.csr")


def test_a_device_that_was_removed_is_told_so_at_its_next_request(api, device):
    gone = api.device("cam-2")
    gone.check_in()
    with api.database.begin() as connection:
        removal.revoke(connection, "cam-1", now=api.now)
        removal.decommission(connection, "cam-2", now=api.now)
    for one in (device, gone):
        for answer in (one.check_in(), one.ask("GET", "/device/v1/assignment"), one.report(report(1))):
            assert (answer.status, answer.json["code"]) == (403, "revoked")


def test_a_database_that_fails_is_503_and_says_nothing_of_itself(api, device, monkeypatch, caplog):
    def fail(*_):
        raise DatabaseUnavailableError("the database cannot be used: disk full on /dev/secret")

    monkeypatch.setattr(api.database, "begin", fail)
    answer = device.report(report(1))
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert answer.json["code"] == "database-unavailable"
    assert b"secret" not in answer.content
    assert "disk full" in caplog.text


def test_what_nobody_expected_is_500_logged_and_not_told(api, device, monkeypatch, caplog):
    def fail(*_):
        raise IntegrityError("INSERT INTO secret", {}, Exception("secret"))

    monkeypatch.setattr(api.database, "begin", fail)
    answer = device.report(report(1))
    assert (answer.status, set(answer.json)) == (500, {"title", "status", "detail"})
    assert b"secret" not in answer.content
    assert "INSERT INTO secret" in caplog.text


def test_the_access_log_names_the_device(tmp_path, caplog):
    from ota_server.settings import ServerSettings
    from ota_server.web.app import make_app

    caplog.set_level(logging.INFO, "ota_server.access")
    with ApiUnderTest(tmp_path) as api:
        device = api.device("cam-3")
        api.app = make_app(ServerSettings(tmp_path, None), fleet=api.parts)
        device.check_in()
        api.ask("GET", "/device/v1/assignment")
    assert [record.fields.get("device") for record in caplog.records] == ["cam-3", None]
