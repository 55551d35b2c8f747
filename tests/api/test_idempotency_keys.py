"""A request whose answer was lost is asked again, and done once."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from support.fleet import PRODUCT

from ota_server.database.operators_schema import audit_entries, idempotency_keys
from ota_server.database.schema import enrolment_tokens

ISSUE = {"product": PRODUCT}
KEY = {"idempotency_key": "4f6b"}


def count(api, table):
    with api.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_the_same_request_is_done_once_and_answered_alike(api, operator):
    first = operator.post("/enrolment-tokens", ISSUE, **KEY)
    again = operator.post("/enrolment-tokens", ISSUE, **KEY)
    assert (first.status, first.content) == (again.status, again.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert count(api, enrolment_tokens) == count(api, audit_entries) == 1


def test_without_a_key_it_is_done_twice(api, operator):
    assert (
        operator.post("/enrolment-tokens", ISSUE).json != operator.post("/enrolment-tokens", ISSUE).json
    )
    assert count(api, enrolment_tokens) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/enrolment-tokens", {"product": PRODUCT, "uses": 2}),
        ("/enrolment-tokens", json.dumps(ISSUE, indent=1).encode()),
        ("/groups", {"product": PRODUCT, "name": "all", "query": "product = cam"}),
    ],
    ids=["another body", "other bytes", "another path"],
)
def test_a_key_stands_for_one_request(api, operator, path, body):
    operator.post("/enrolment-tokens", ISSUE, **KEY)
    refused = operator.post(path, body, **KEY)
    assert (refused.status, refused.json["code"]) == (422, "idempotency-key")
    assert count(api, audit_entries) == 1


def test_another_s_key_of_the_same_name_is_another_key(api, operator):
    operator.post("/enrolment-tokens", ISSUE, **KEY)
    other = api.caller(f"operator:{PRODUCT}")
    assert "idempotency-replayed" not in other.post("/enrolment-tokens", ISSUE, **KEY).headers


def test_what_was_refused_may_be_asked_again(api, operator):
    body = {"product": PRODUCT, "name": "next", "version": "1.1.0", "group": "all", "max_in_flight": 1}
    assert operator.post("/rollouts", body, **KEY).status == 404
    group = {"product": PRODUCT, "name": "all", "query": "product = cam"}
    assert operator.post("/groups", group).status == 201
    assert operator.post("/rollouts", body, **KEY).status == 201


def test_who_may_no_longer_do_it_is_not_told_what_was_answered(api, operator):
    operator.post("/enrolment-tokens", ISSUE, **KEY)
    api.caller("admin:*").delete(f"/api-tokens/{operator.token_id}")
    assert operator.post("/enrolment-tokens", ISSUE, **KEY).status == 401


def test_the_database_alone_does_not_tell_what_was_answered(api, operator):
    """An answer may hold a secret that is shown once."""
    token = operator.post("/enrolment-tokens", ISSUE, **KEY).json["token"]
    with api.database.read() as connection:
        row = connection.execute(select(idempotency_keys)).one()
    assert token not in str(row)
    assert operator.token not in str(row)


def test_after_a_day_a_key_is_new_again_and_old_ones_are_gone(api, operator):
    for number in range(3):
        operator.post("/enrolment-tokens", ISSUE, idempotency_key=f"old-{number}")
    api.now += timedelta(hours=24)
    answer = operator.post("/enrolment-tokens", ISSUE, idempotency_key="old-0")
    assert "idempotency-replayed" not in answer.headers
    assert count(api, idempotency_keys) == 1


@pytest.mark.parametrize("key", ["", "k" * 65, "k y", "kéy"])
def test_what_cannot_be_a_key_is_refused(operator, key):
    refused = operator.post("/enrolment-tokens", ISSUE, idempotency_key=key)
    assert (refused.status, refused.json["field"]) == (422, "Idempotency-Key")


def test_what_changes_nothing_takes_no_key(api, operator):
    operator.post("/groups/preview", {"product": PRODUCT, "query": "product = cam"}, **KEY)
    assert count(api, idempotency_keys) == 0
