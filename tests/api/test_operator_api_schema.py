"""The operator API does what its schema says: schemathesis asks a running server all that it can."""

import json
from http import HTTPStatus
from urllib.parse import unquote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from support.api_world import ALL_CAMERAS, ApiWorld
from support.device_api import served

from ota_server.web.api.document import document
from ota_server.web.api.route import Kind
from ota_server.web.api.table import OPENAPI, ROUTES

CASES = 12
CHANGES_WHO_ASKS = {"withdraw_api_token"}
# any JSON may be in a file, and only OSV and CSAF are taken
ANY_JSON = {"import_advisories"}
ASKED = [route for route in ROUTES if route.role]


def test_the_schema_names_every_route_with_its_statuses():
    found = json.loads(document())
    assert found["openapi"] == "3.1.0"
    assert {
        (path, method.upper()) for path, methods in found["paths"].items() for method in methods
    } == {(route.path, route.method) for route in ROUTES}
    create = found["paths"]["/api/v1/rollouts"]["post"]
    assert set(create["responses"]) == {
        *("201", "400", "401", "403", "404", "409", "411", "413", "415", "422", "429", "500", "503"),
    }
    assert create["security"] == [{"token": []}]
    assert [one["name"] for one in create["parameters"]] == ["Idempotency-Key"]
    assert found["components"]["schemas"]["RolloutBody"]["additionalProperties"] is False


def test_every_shape_of_the_schema_says_what_it_is():
    schemas = json.loads(document())["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_names_of_operations_are_unique():
    assert len({route.name for route in ROUTES}) == len(ROUTES)


def test_the_schema_is_answered_to_everybody(api):
    assert api.ask("GET", OPENAPI).json == json.loads(document())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with ApiWorld(tmp_path_factory.mktemp("schema")) as one:
        yield one


@pytest.fixture(scope="module")
def schema(world):
    load_all_checks()
    # values that a pattern alone does not tell apart from others
    known = {
        "cursor": st.just("MQ"),
        "group-query": st.just(ALL_CAMERAS),
        "wave": st.sampled_from(["rest", "5%", "1"]),
        "maintenance-window": st.just("Mon-Fri 22:00-04:00 Europe/Berlin"),
        "webhook": st.just("https://hooks.example/x"),
        "date-time": st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"),
        "printable": st.text(st.characters(categories=("L", "N", "P")), max_size=60),
    }
    for name, strategy in known.items():
        schemathesis.openapi.format(name, strategy)
    with served(world) as (port, _):
        one = schemathesis.openapi.from_dict(without_tokens(json.loads(document())))
        one.config.update(base_url=f"http://127.0.0.1:{port}")
        yield one


def without_tokens(found):
    """Ours is sent with each request: none is to be made up or left out."""
    del found["components"]["securitySchemes"]
    for operations in found["paths"].values():
        for operation in operations.values():
            del operation["security"]
    return found


def ask(cases, token, *, excluded=()):
    skipped = [CHECKS.get_one(name) for name in ("ignored_auth", *excluded)]

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def asked(case):
        headers = {"Authorization": f"Bearer {token}"}
        answer = case.call(headers=headers)
        assert answer.status_code != HTTPStatus.UNAUTHORIZED
        # a body that is too long is refused before anybody looks what it says
        if answer.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            case.validate_response(answer, headers=headers, excluded_checks=skipped)

    asked()


def of(schema, route, mode):
    return schema[route.path][route.method].as_strategy(generation_mode=mode)


def there(world, route):
    """Most cases are about what is there."""
    values = {"token_id": 1, **world.values}

    def mapped(case):
        for name in case.path_parameters or {}:
            case.path_parameters[name] = values[name]
        case.body = without_fractions(case.body)
        return case

    return mapped


def without_fractions(value):
    """JSON Schema takes 2.0 for an integer, and cannot say that clients write 2."""
    if isinstance(value, dict):
        return {unquote(name): without_fractions(one) for name, one in value.items()}
    if isinstance(value, list):
        return [without_fractions(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.system
@pytest.mark.parametrize("route", ASKED, ids=lambda route: route.name)
def test_what_fits_the_schema_is_taken_and_answered_as_it_says(world, schema, route):
    asker = world.caller("admin:*", owner=world.ann_id)
    # which texts go together no schema can say
    excluded = ["positive_data_acceptance"] if route.body or route.query else []
    if route.kind is Kind.EVENTS:
        pytest.skip("it does not end; test_event_streams.py follows it")
    cases = of(schema, route, GenerationMode.POSITIVE).map(there(world, route))
    ask(cases, asker.token, excluded=excluded)


@pytest.mark.system
@pytest.mark.parametrize(
    "route",
    [one for one in ASKED if (one.body or one.query or one.path_types) and one.kind is not Kind.EVENTS],
    ids=lambda route: route.name,
)
def test_what_does_not_fit_the_schema_is_refused_as_it_says(world, schema, route):
    asker = world.caller("admin:*", owner=world.ann_id)
    ask(of(schema, route, GenerationMode.NEGATIVE), asker.token)
