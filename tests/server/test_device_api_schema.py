"""The device API does what its schema says: schemathesis asks a running server all that it can."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from support.device_api import ApiUnderTest, served
from support.identities import request_pem

from ota_server.web import openapi
from ota_server.web.device_routes import API, OPENAPI, ROUTES

CASES = 40
DEVICE = "cam-1"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiUnderTest(tmp_path_factory.mktemp("schema")) as one:
        device = one.device(DEVICE)
        device.check_in()
        one.roll_out(device, forced=False)
        one.peers.of_all = device.shown
        csr = request_pem(device.identity.key, DEVICE)
        schemathesis.openapi.format("pem-csr", st.just(csr))
        yield one


@pytest.fixture(scope="module")
def api_schema(api):
    # values that a pattern alone does not tell apart from others
    schemathesis.openapi.format("date-time", st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"))
    printable = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=256)
    schemathesis.openapi.format("printable", printable.filter(str.isprintable))
    with served(api) as (port, _):
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{port}{OPENAPI}")


load_all_checks()


def without_fractions(value):
    """JSON Schema takes 2.0 for an integer, and cannot say that devices write 2."""
    if isinstance(value, dict):
        return {name: without_fractions(one) for name, one in value.items()}
    if isinstance(value, list):
        return [without_fractions(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_a_device_would(case):
    case.body = without_fractions(case.body)
    if isinstance(case.body, dict) and "device_id" in case.body:
        # a request that is signed by a key names the device that has it
        case.body["device_id"] = DEVICE
    return case


def ask(cases):
    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def asked(case):
        case.call_and_validate()

    asked()


@pytest.mark.system
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_what_fits_the_schema_is_taken_and_answered_as_it_says(api_schema, route):
    cases = api_schema[route.path][route.method].as_strategy(generation_mode=GenerationMode.POSITIVE)
    ask(cases.map(as_a_device_would))


@pytest.mark.system
@pytest.mark.parametrize("route", [one for one in ROUTES if one.body], ids=lambda route: route.name)
def test_what_does_not_fit_the_schema_is_refused_as_it_says(api_schema, route):
    ask(api_schema[route.path][route.method].as_strategy(generation_mode=GenerationMode.NEGATIVE))


def test_the_schema_names_every_route_with_its_statuses(api):
    document = json.loads(openapi.document(API, ROUTES))
    assert document["openapi"] == "3.1.0"
    assert {
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    } == {(route.path, route.method) for route in ROUTES}
    check_in = document["paths"]["/device/v1/check-in"]["post"]
    assert set(check_in["responses"]) == {
        *("200", "400", "401", "403", "411", "413", "415", "422", "429", "500", "503"),
    }
    assert check_in["security"] == [{"device": []}]
    assert document["components"]["schemas"]["CheckInBody"]["additionalProperties"] is False


def test_the_schema_is_answered_to_everybody(api):
    answer = api.ask("GET", OPENAPI, client="192.0.2.1")
    assert (answer.status, answer.json) == (200, json.loads(openapi.document(API, ROUTES)))
