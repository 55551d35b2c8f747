"""Long lists come in pages; what nobody knows is refused, not passed over."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fleet import PRODUCT
from support.operator_api import OTHER

from ota_server.web.api.query import read_query
from ota_server.web.api.shapes.devices import DevicesQuery
from ota_server.web.shapes import FieldError


def test_pages_follow_each_other_and_say_how_many_there_are(operator):
    seen, after = [], ""
    for _ in range(3):
        page = operator.get(f"/devices?limit=2{after}").json
        assert page["total"] == 5
        assert page["total_is_exact"]
        seen += [item["device_id"] for item in page["items"]]
        after = f"&after={page['next_after']}"
    assert seen == [f"cam-{number}" for number in range(5)]
    assert page["next_after"] is None


@pytest.mark.walk(8)
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=1.5",
        "limit=1&limit=2",
        "unknown=1",
        "after=%21",
        "after=cam-1",
        f"after={urlsafe_b64encode(b'A b').decode().rstrip('=')}",
        "product=..%2f",
        "product=%ff",
        "version=1",
        "seen_before=2026-02-30T00:00:00Z",
        "group=all",
        "=",
        "limit",
        "&".join(f"a{number}=1" for number in range(100)),
    ],
)
def test_a_query_that_says_nothing_known_is_refused(operator, query):
    refused = operator.get(f"/devices?{query}")
    assert refused.status == 422
    assert refused.json["code"] in {"invalid", "invalid-field"}


def test_where_no_query_is_known_none_is_taken(operator):
    assert operator.get("/devices/cam-1?limit=1").status == 422


@pytest.mark.walk(4)
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("prefix=cam-1", ["cam-1"]),
        ("tag=lab", ["cam-2"]),
        ("status=revoked", ["cam-3"]),
        ("version=1.0.0&status=active&prefix=cam-4", ["cam-4"]),
        ("version=9.0.0", []),
        (f"product={OTHER}", []),
        ("phase=trial", []),
        ("seen_before=2026-11-22T08:00:00Z&prefix=cam-0", ["cam-0"]),
        ("product=cam&group=tagged", ["cam-2"]),
    ],
)
def test_devices_are_found_by(operator, query, ids):
    operator.put("/devices/cam-2/tags", {"tags": ["lab"]})
    operator.post("/devices/cam-3/revoke", {})
    operator.post("/groups", {"product": PRODUCT, "name": "tagged", "query": "tag = lab"})
    page = operator.get(f"/devices?{query}").json
    assert [item["device_id"] for item in page["items"]] == ids
    assert page["total"] == len(ids)


def test_an_export_is_the_whole_list_a_line_each(operator):
    answer = operator.get("/devices/export?prefix=cam")
    assert answer.headers["content-type"] == "application/jsonl"
    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert lines == operator.get("/devices?prefix=cam").json["items"]


def test_the_audit_log_is_exported_part_by_part_and_whole(api, operator, monkeypatch):
    monkeypatch.setattr("ota_server.web.api.routes.audit.PAGE_MOST", 2)
    for number in range(5):
        operator.put("/devices/cam-1/tags", {"tags": [f"t{number}"]})
    admin = api.caller("admin:*")
    lines = [json.loads(line) for line in admin.get("/audit/export").content.splitlines()]
    assert [line["id"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[-1]["sha256"] == admin.get("/audit/verify").json["sha256"]
    behind = admin.get("/audit/export?behind=3").content.splitlines()
    assert [json.loads(line)["id"] for line in behind] == [4, 5]


@pytest.mark.parametrize(
    "path", ["/devices/cam-1/", "//devices", "/devices//history", "/devices/cam%2D1%00", "/rollouts/0"]
)
def test_a_path_that_nothing_has_is_not_there(operator, path):
    assert operator.get(path).status == 404


def test_a_number_has_one_spelling(operator):
    assert operator.get("/rollouts/01").json["detail"] == "There is nothing here."


@given(st.binary(max_size=60))
def test_any_query_is_read_or_refused_with_our_own_errors(raw):
    try:
        read_query(DevicesQuery, raw)
    except FieldError as e:
        assert str(e).isprintable()  # noqa: PT017 - most are refused, some are not
