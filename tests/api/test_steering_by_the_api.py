"""What programs do to rollouts, and what they are told when it cannot be done."""

import pytest
from support.api_world import ALL_CAMERAS
from support.fleet import PRODUCT

from ota_client.errors import ExpiredError
from ota_server.errors import NotPublishedError, PublishedFolderError

PLAN = {
    "product": PRODUCT,
    "name": "spring",
    "version": "1.1.0",
    "group": "all-cams",
    "max_in_flight": 3,
    "waves": [
        {"takes": "1", "halt": {"share": None, "count": 1}},
        {"takes": "rest", "success": {"of_members": "95%"}, "soak_s": 600},
    ],
    "windows": ["Mon-Fri 22:00-04:00 Europe/Berlin"],
    "starts_at": "2026-12-01T00:00:00Z",
}


@pytest.fixture
def operator(api):
    one = api.caller(f"operator:{PRODUCT}", owner=api.operator("mia", f"operator:{PRODUCT}"))
    one.post("/groups", {"product": PRODUCT, "name": "all-cams", "query": ALL_CAMERAS})
    return one


def test_a_plan_is_answered_as_it_was_given_with_what_was_left_out(operator):
    made = operator.post("/rollouts", PLAN)
    assert made.status == 201
    shown = made.json
    first, second = (wave["plan"] for wave in shown["waves"])
    assert first["halt"] == {"share": None, "least": 20, "count": 1}
    assert second["success"] == {"of_members": "95%", "of_answered": "90%"}
    assert [wave["members"] for wave in shown["waves"]] == [1, 4]
    assert (shown["state"], shown["starts_at"], shown["via"]) == ("scheduled", PLAN["starts_at"], None)
    assert shown == operator.get(f"/rollouts/{shown['id']}").json


@pytest.mark.walk(4)
@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"windows": ["Mon 25:00-26:00"]}, 422, "$.windows[0]"),
        ({"starts_at": "2026-02-30T00:00:00Z"}, 422, "$.starts_at"),
        ({"waves": [{"takes": "some"}]}, 422, "$.wave"),
        ({"waves": []}, 422, "$.waves"),
        ({"max_in_flight": 0}, 422, "$.max_in_flight"),
        ({"via": "9.0.0"}, 422, "$.via"),
        ({"sudo": True}, 422, "$.sudo"),
        ({"version": "7.0.0"}, 404, None),
        ({"group": "nobody"}, 404, None),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_names_what_is_wrong(operator, change, status, field):
    for path in ("/rollouts", "/rollouts/preview"):
        refused = operator.post(path, {**PLAN, **change})
        assert (refused.status, refused.json.get("field")) == (status, field)
    assert operator.get("/rollouts").json["total"] == 0


def test_a_preview_says_who_and_makes_nothing(operator):
    shown = operator.post("/rollouts/preview", PLAN).json
    assert [wave["devices"] for wave in shown["waves"]] == [1, 4]
    assert shown["waves"][0]["first"][0].keys() == {"device_id", "standing", "waits"}
    assert (shown["excluded"], shown["reasons"]) == ([], {})
    assert operator.get("/rollouts").json["total"] == 0


def test_what_its_state_does_not_allow_is_a_conflict_that_names_the_ways(operator):
    operator.post("/rollouts", PLAN)
    refused = operator.post("/rollouts/1/resume")
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert refused.json["detail"].endswith("from there: abort.")


def test_a_second_person_s_token_approves_and_the_first_one_s_does_not(api, operator):
    admin = api.caller("admin:*")
    admin.put(f"/products/{PRODUCT}/rules", {"needs_approval": True})
    assert operator.post("/rollouts", PLAN).json["state"] == "proposed"
    ann = api.operator("ann", f"approver:{PRODUCT}")
    approver = api.caller(f"approver:{PRODUCT}", owner=ann)
    assert operator.post("/rollouts/1/approve", {}).status == 403
    assert admin.post("/rollouts/1/approve", {}).status == 403
    assert approver.post("/rollouts/1/approve", {"comment": "go"}).json["state"] == "scheduled"
    decided = operator.get("/rollouts/1/approval").json
    assert (decided["verdict"], decided["comment"]) == ("approved", "go")


def test_all_of_it_is_in_the_audit_log_under_the_token_s_name(api, operator):
    operator.post("/rollouts", PLAN)
    operator.post("/rollouts/1/abort", {"reason": "wrong group"})
    entries = api.caller("admin:*").get(f"/audit?product={PRODUCT}&action=rollout").json["items"]
    assert [entry["action"] for entry in entries] == ["rollout.abort", "rollout.create"]
    assert {(entry["actor_kind"], entry["actor"]) for entry in entries} == {("token", "token-1")}
    assert entries[0]["detail"]["reason"] == "wrong group"


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (ExpiredError("timestamp expired yesterday"), 503, "expired"),
        (PublishedFolderError("disk"), 503, "published-folder"),
        (NotPublishedError("nothing is published"), 404, "not-published"),
    ],
    ids=["expired", "unreadable", "nothing"],
)
def test_without_releases_that_devices_believe_steering_goes_on(api, operator, failure, status, code):
    operator.post("/rollouts", PLAN)
    api.releases.failure = failure
    refused = operator.get(f"/releases?product={PRODUCT}")
    assert (refused.status, refused.json["code"]) == (status, code)
    assert operator.post("/rollouts/1/abort", {}).json["state"] == "aborted"
    # where nothing is published yet, nothing is wrong
    assert bool(operator.get("/overview").json["problem"]) is (status == 503)
    assert operator.get("/health").status == 200


def test_the_releases_are_looked_at_once_for_a_request(api):
    held = api.releases.held()
    held.read_ahead()
    api.releases.failure = PublishedFolderError("gone since")
    assert [str(one.version) for one in held.releases(PRODUCT)] == ["1.0.0", "1.1.0"]
    failed = api.releases.held()
    failed.read_ahead()
    api.releases.failure = None
    with pytest.raises(PublishedFolderError):
        failed.releases(PRODUCT)


def test_who_is_invited_is_given_a_link_to_this_server(api):
    admin = api.caller("admin:*")
    made = admin.post("/operators", {"name": "tess", "grants": {PRODUCT: "viewer", "*": "viewer"}}).json
    assert made["url"].startswith("https://fleet.example/welcome?code=ratl_")
    assert made["operator"]["grants"] == {"*": "viewer", PRODUCT: "viewer"}
    code = made["url"].partition("=")[2]
    assert code not in str(admin.get("/audit").json)


@pytest.mark.walk(3)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"tags": ["a"], "tags": []}', b'{"tags": "a"}', b'{"tags": ["A"]}']
)
def test_a_body_that_is_not_what_the_route_takes_changes_nothing(operator, body):
    refused = operator.put("/devices/cam-1/tags", body)
    assert refused.status in {400, 415, 422}
    assert operator.get("/devices/cam-1").json["device"]["tags"] == []


def test_a_body_that_is_too_long_is_refused(operator):
    assert operator.put("/devices/cam-1/tags", b" " * (16 * 1024 + 1)).status == 413
