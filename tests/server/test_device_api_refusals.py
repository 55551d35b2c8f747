import json

import pytest
from starlette.exceptions import HTTPException
from support.device_api import IDLE, ApiUnderTest

from ota_server.web.body import read_json


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiUnderTest(tmp_path_factory.mktemp("api")) as one:
        yield one


@pytest.fixture(scope="module")
def device(api):
    return api.device()


def test_without_a_certificate_that_is_believed_every_route_of_devices_denies(api):
    for method, path in (
        ("POST", "check-in"),
        ("GET", "assignment"),
        ("POST", "reports"),
        ("PUT", "attributes"),
        ("POST", "renew"),
    ):
        answer = api.ask(method, f"/device/v1/{path}", {})
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/device/v1/nothing", 404, None),
        ("GET", "/device/v1/", 404, None),
        ("POST", "/device/v1/check-in/", 404, None),
        ("POST", "/device/v1/check%2din", 404, None),
        ("GET", "/device/v1/check-in", 405, "POST"),
        ("HEAD", "/device/v1/assignment", 405, "GET"),
        ("TRACE", "/device/v1/attributes", 405, "PUT"),
    ],
)
def test_paths_have_one_spelling_and_methods_are_named(api, method, path, status, allow):
    answer = api.ask(method, path)
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (b"{", {}, 400, None),
        (b"", {"content_type": "application/json"}, 400, None),
        (b'{"phase": "\xff"}', {}, 400, None),
        (b"[" * 9000, {}, 422, "$"),
        ({}, {}, 422, "$.running_version"),
        ({**IDLE, "more": 1}, {}, 422, "$.more"),
        ({**IDLE, "rollback_index": "1"}, {}, 422, "$.rollback_index"),
        ({**IDLE, "rollback_index": 1.5}, {}, 422, "$.rollback_index"),
        ({**IDLE, "rollback_index": 2**53}, {}, 422, "$.rollback_index"),
        ({**IDLE, "phase": "asleep"}, {}, 422, "$.phase"),
        ({**IDLE, "running_version": "1.0.0\n"}, {}, 422, "$.running_version"),
        ({**IDLE, "inventory": "0" * 65}, {}, 422, "$.inventory"),
        ({**IDLE, "consent": None}, {}, 422, "$.consent"),
        (json.dumps(IDLE)[:-1].encode() + b', "phase": "idle"}', {}, 422, "$.phase"),
        (IDLE, {"content_type": "text/plain"}, 415, None),
        (IDLE, {"content_type": "application/jsonp"}, 415, None),
        (b" " * 16_385, {}, 413, None),
        (b" " * 65_537, {}, 413, None),
        (IDLE, {"transfer_encoding": "chunked"}, 411, None),
    ],
)
def test_a_body_that_is_not_as_it_must_be_is_refused_by_name(api, device, body, headers, status, field):
    answer = device.ask("POST", "/device/v1/check-in", body, **headers)
    assert (answer.status, answer.json.get("field")) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"


def test_json_may_say_its_character_set(device):
    answer = device.ask(
        "POST", "/device/v1/check-in", IDLE, content_type="Application/JSON; charset=utf-8"
    )
    assert answer.status == 200


def test_a_body_in_pieces_is_read_whole_and_not_beyond_its_bound(api, device):
    def in_pieces(*messages):
        left = list(messages)

        async def receive():
            return left.pop(0)

        headers = [(b"content-type", b"application/json")]
        return api.run(read_json(headers, receive, 10)), left

    def piece(data, *, more):
        return {"type": "http.request", "body": data, "more_body": more}

    assert in_pieces(piece(b"12345", more=True), piece(b"67890", more=False)) == (b"1234567890", [])
    with pytest.raises(HTTPException) as e:
        in_pieces(*[piece(b"12345", more=True)] * 9)
    assert e.value.status_code == 413
    with pytest.raises(HTTPException) as e:
        in_pieces(piece(b"12345", more=True), {"type": "http.disconnect"})
    assert e.value.status_code == 400
