import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_server import make_published
from support.device_api import ApiUnderTest, report

from ota_server.errors import DatabaseUnavailableError
from ota_server.settings import ServerSettings
from ota_server.web.app import make_app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


@pytest.fixture
def api(tmp_path):
    with ApiUnderTest(make_published(tmp_path)) as one:
        yield one


def values(api):
    families = text_string_to_metric_families(api.ask("GET", "/metrics").content.decode())
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_happens_is_counted(api):
    device = api.device()
    device.check_in()
    api.roll_out(device, name="spring", max_in_flight=7)
    number = device.check_in().json["assignment"]["id"]
    device.check_in()
    device.report(report(1, "installed", assignment=number))
    device.report(report(1, "installed", assignment=number), report(2, "trial", assignment=number))
    device.check_in(more=1)
    api.ask("GET", "/device/v1/nothing/of/mine")
    api.ask("GET", "/metadata/timestamp.json")
    found = values(api)
    assert found["ota_server_requests_total", "200", "check_in"] == 3
    assert found["ota_server_requests_total", "422", "check_in"] == 1
    assert found["ota_server_requests_total", "404", "unknown"] == 1
    assert found["ota_server_requests_total", "200", "metadata"] == 1
    assert found["ota_server_request_seconds_count", "check_in"] == 4
    assert [
        found["ota_server_check_ins_total", outcome] for outcome in ("nothing", "claimed", "held")
    ] == [1, 1, 1]
    assert [found["ota_server_reports_total", state] for state in ("installed", "trial")] == [1, 1]
    assert found["ota_server_rollout_in_flight", "cam", "spring"] == 1
    assert found["ota_server_rollout_in_flight_limit", "cam", "spring"] == 7
    assert found["ota_server_rollout_running", "cam", "spring"] == 1
    assert found["ota_server_rollout_devices", "cam", "fell_back", "spring"] == 0
    device.report(report(3, "confirmed", assignment=number))
    assert ("ota_server_rollout_in_flight", "cam", "spring") not in values(api)


def test_a_client_makes_no_new_label(api):
    device = api.device()
    device.check_in()
    before = len(values(api))
    for number in range(20):
        api.ask("GET", f"/device/v1/{number}")
        api.ask("GET", f"/{number}/x")
        api.ask(f"ODD{number}", "/targets/x")
    after = values(api)
    assert after["ota_server_requests_total", "404", "unknown"] == 40
    assert len(after) < before + 25


def test_a_database_that_fails_is_counted_and_not_hidden(api, monkeypatch):
    device = api.device()

    def fail(*_):
        raise DatabaseUnavailableError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(api.database, "begin", fail)
        assert device.report(report(1)).status == 503
    assert values(api)["ota_server_database_errors_total",] == 1
    monkeypatch.setattr(api.database, "read", fail)
    for path in ("/metrics", "/readyz"):
        answer = api.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (503, "database-unavailable")
    assert api.ask("GET", "/healthz").status == 200


def test_ready_is_a_server_with_files_and_database(api, tmp_path):
    assert api.ask("GET", "/readyz").json == {"status": "ok"}
    (tmp_path / "metadata" / "timestamp.json").unlink()
    assert api.ask("GET", "/readyz").status == 503


@pytest.mark.parametrize(
    ("client", "status"),
    [("127.0.0.1", 200), ("::1", 200), (None, 200), ("10.0.0.1", 404), ("2001:db8::1", 404)],
)
def test_metrics_are_for_this_machine_unless_the_settings_say_more(api, tmp_path, client, status):
    assert api.ask("GET", "/metrics", client=client).status == status
    api.app = make_app(ServerSettings(tmp_path, None, metrics=True), fleet=api.parts)
    assert api.ask("GET", "/metrics", client=client).status == 200


def test_a_server_of_files_alone_has_metrics_too(api, tmp_path):
    api.app = make_app(ServerSettings(tmp_path, None))
    api.ask("GET", "/metadata/timestamp.json")
    assert values(api)["ota_server_requests_total", "200", "metadata"] == 1
    assert api.ask("POST", "/device/v1/check-in", {}).status == 413


def test_every_metric_is_in_the_reference(api):
    device = api.device()
    device.check_in()
    api.roll_out(device)
    text = api.ask("GET", "/metrics").content.decode()
    named = set(re.findall(r"^# TYPE (ota_server_\w+) ", text, re.MULTILINE))
    documented = set(re.findall(r"`(ota_server_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert documented == named
