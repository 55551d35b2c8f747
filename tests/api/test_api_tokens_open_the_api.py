"""Who asks is what the token says: nothing else opens the operator API (B12)."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from support.fleet import PRODUCT
from support.operator_api import OperatorApiUnderTest

from ota_server.database.operators_schema import api_tokens, operators

DEVICES = "/api/v1/devices"
CHALLENGE = 'Bearer realm="ratchet"'
STRANGE = "rat_" + "A" * 43


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": STRANGE},
        {"authorization": f"Basic {STRANGE}"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {STRANGE}"},
        {"authorization": f"Bearer {STRANGE}x"},
        {"authorization": f"Bearer rats_{'A' * 43}"},
        {"authorization": f"Bearer RAT_{'A' * 43}"},
        {"cookie": f"__Host-ratchet={STRANGE}"},
        {"x-api-key": STRANGE},
    ],
    ids=str,
)
def test_what_is_no_good_token_is_challenged(api, headers):
    answer = api.ask("GET", DEVICES, **headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.json["code"] == "unauthenticated"
    assert "AAAA" not in answer.content.decode()


def test_the_scheme_s_letters_may_be_of_any_case(api, operator):
    assert api.ask("GET", DEVICES, authorization=f"bEARER  {operator.token}").status == 200


def test_a_token_in_the_address_is_a_query_that_nobody_knows(api, operator):
    assert api.ask("GET", f"{DEVICES}?access_token={operator.token}").status == 401
    assert operator.get(f"/devices?token={operator.token}").status == 422


def test_a_token_ends_when_it_expires_is_withdrawn_or_its_owner_is_disabled(api, operator):
    mia = api.operator("mia", f"operator:{PRODUCT}")
    owned = api.caller(f"operator:{PRODUCT}", owner=mia)
    assert owned.get("/devices").status == 200
    with api.database.begin() as connection:
        connection.execute(update(operators).values(status="disabled"))
    assert owned.get("/devices").status == 401
    admin = api.caller("admin:*")
    assert admin.delete(f"/api-tokens/{operator.token_id}").status == 204
    assert operator.get("/devices").status == 401
    api.now += timedelta(days=8)
    assert admin.get("/devices").status == 401


def test_when_a_token_was_used_is_noted_once_a_minute(api, operator):
    def used_at():
        with api.database.read() as connection:
            wanted = select(api_tokens.c.used_at).filter_by(id=operator.token_id)
            return connection.scalar(wanted)

    first = int(api.now.timestamp())
    for later_s, noted in ((0, first), (30, first), (61, first + 61)):
        api.now = api.now.fromtimestamp(first + later_s, api.now.tzinfo)
        operator.get("/devices")
        assert used_at() == noted


def test_a_body_is_not_read_for_a_stranger(api):
    answer = api.ask("POST", "/api/v1/groups", b"{" * 1000, authorization=f"Bearer {STRANGE}")
    assert answer.status == 401


def test_a_token_is_in_no_answer_and_no_log(api, operator, caplog):
    answers = [operator.get("/devices"), operator.get("/nothing"), operator.post("/groups", b"{")]
    texts = [caplog.text, *(str(answer) for answer in answers)]
    assert not any(operator.token in text for text in texts)


def test_one_token_is_slowed_down_and_another_is_not(tmp_path):
    with OperatorApiUnderTest(tmp_path, token=2) as api:
        one, other = api.caller(f"viewer:{PRODUCT}"), api.caller(f"viewer:{PRODUCT}")
        statuses = [one.get("/devices").status for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert int(one.get("/devices").headers["retry-after"]) > 0
        assert other.get("/devices").status == 200


def test_one_address_is_slowed_down_before_its_token_is_looked_up(tmp_path):
    with OperatorApiUnderTest(tmp_path, address=2) as api:
        statuses = [api.ask("GET", DEVICES).status for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert api.ask("GET", DEVICES, client="192.0.2.9").status == 401


def test_there_is_no_leave_for_other_sites(api, operator):
    answer = operator.get("/devices", origin="https://elsewhere.example")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert operator.ask("OPTIONS", "/devices", origin="https://elsewhere.example").status == 405


def test_answers_are_kept_by_nobody_on_the_way(operator):
    for answer in (operator.get("/devices"), operator.get("/devices/nobody"), operator.get("/x")):
        assert answer.headers["cache-control"] == "no-store"
