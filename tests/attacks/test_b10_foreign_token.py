"""B10: a token of one product learns nothing of another's and changes nothing there, by any route.

The routes are those of the API's own table: a new one is walked too, or fails for want of an example.
"""

import pytest
from sqlalchemy import select
from support.api_world import ApiWorld
from support.fleet import PRODUCT
from support.operator_api import OTHER

from ota_server.database.metadata import metadata
from ota_server.operators.actor import Role
from ota_server.web.api.table import ROUTES

WITH_TOKEN = [route for route in ROUTES if route.role]
# written by every request, whoever asks
NOTED = {"api_tokens", "api_token_grants"}
# to withdraw what one's own operator has needs no role
OWN = {"withdraw_api_token"}
BELOW = {Role.OPERATOR: Role.VIEWER, Role.APPROVER: Role.OPERATOR, Role.ADMIN: Role.APPROVER}
ROLES = [f"{role}:{PRODUCT}" for role in Role]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with ApiWorld(tmp_path_factory.mktemp("world")) as one:
        one.of_role = {grant: one.caller(grant) for grant in ROLES}
        yield one


@pytest.fixture(scope="module")
def stranger(world):
    """An admin: of another product."""
    zoe = world.operator("zoe", f"admin:{OTHER}")
    return world.caller(f"admin:{OTHER}", owner=zoe)


@pytest.fixture
def unchanged(world):
    before = rows(world)
    yield
    assert rows(world) == before


def rows(world):
    with world.database.read() as connection:
        return {
            table.name: connection.execute(select(table)).all()
            for table in metadata.sorted_tables
            if table.name not in NOTED
        }


def expected_of_a_stranger(route):
    if route.everywhere:
        return 403
    return 404 if route.path_types or route.body else 200


def refusal(route):
    """Who may not steer a subscription does not see it either: its address may be a secret."""
    return 404 if "{subscription}" in route.path else 403


def test_b10_a_foreign_token_finds_nothing_by_any_route(world, stranger, unchanged):
    for route in WITH_TOKEN:
        answer = world.walk(stranger, route)
        assert answer.status == expected_of_a_stranger(route), (route.name, answer)
        if answer.status == 200:
            assert PRODUCT not in answer.content.decode(), (route.name, answer)


def test_b10_what_is_foreign_is_answered_like_what_is_not_there(world, stranger, unchanged):
    """Else guessed names would tell which exist."""
    nowhere = dict.fromkeys(world.values, "nothing")
    nowhere |= {"version": "9.9.9", "rollout_id": 999, "event_id": 999, "entry_id": 999}
    for route in WITH_TOKEN:
        # those for admins of all products are refused before anything is looked up
        if route.path_types and not route.everywhere:
            foreign = world.walk(stranger, route)
            absent = world.walk(stranger, route, nowhere, dict.fromkeys(world.tokens, 999))
            assert absent.status == foreign.status == 404
            told = without(absent, nowhere, 999), without(foreign, world.values, *world.tokens.values())
            assert told[0] == told[1], route.name


def without(answer, values, *numbers):
    """A sentence without the names that were asked for."""
    text = answer.json["detail"]
    for value in sorted({*map(str, values.values()), *map(str, numbers)}, key=len, reverse=True):
        text = text.replace(value, "...")
    return text


def test_b10_a_viewer_changes_nothing_by_any_route(world, unchanged):
    for route in WITH_TOKEN:
        if route.changes and route.name not in OWN:
            answer = world.walk(world.of_role[f"viewer:{PRODUCT}"], route)
            assert route.role is not Role.VIEWER
            assert answer.status == refusal(route), (route.name, answer)


def test_b10_the_role_below_the_one_that_the_table_names_is_refused(world, unchanged):
    for route in WITH_TOKEN:
        if route.role is not Role.VIEWER:
            role = Role.ADMIN if route.everywhere else BELOW[route.role]
            answer = world.walk(world.of_role[f"{role}:{PRODUCT}"], route)
            assert answer.status == refusal(route), (route.name, answer)


def test_b10_a_token_that_lost_its_grant_sees_nothing(world):
    lost = world.caller(f"admin:{PRODUCT}", owner=world.operator("lost", f"viewer:{OTHER}"))
    assert lost.get("/devices").json["items"] == []
    assert lost.get("/devices/cam-1").status == 404


def test_b10_the_examples_of_the_walk_are_real(tmp_path):
    """With the role that the table names, each route finds what the stranger did not find."""
    with ApiWorld(tmp_path) as world:
        needed = {(route.role, "*" if route.everywhere else PRODUCT) for route in WITH_TOKEN}
        callers = {one: world.caller("{}:{}".format(*one), owner=world.ann_id) for one in needed}
        last = ("revoke_device", "decommission_device")
        for route in sorted(WITH_TOKEN, key=lambda one: (one.method == "DELETE", one.name in last)):
            caller = callers[route.role, "*" if route.everywhere else PRODUCT]
            answer = world.walk(caller, route)
            assert answer.status < 300 or answer.status == 409, (route.name, answer)
