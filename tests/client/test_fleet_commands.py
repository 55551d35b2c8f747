"""``ota-client enroll``, ``consent`` and ``run`` with an update server, as a user meets them."""

import json
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from support.enrolling_server import TOKEN, EnrollingServer
from support.fleet_server import MemoryFleetServer
from support.memory_repository import MemoryRepository, Release
from support.web import serve
from werkzeug import Response

from ota_client.cli import main
from ota_client.errors import NotAuthorisedError

LIMIT = 64 * 1024


class Device:
    """A simulated device in a folder that belongs to an update server, driven by commands alone."""

    def __init__(self, folder, enrolling, fleet):
        self.folder, self.enrolling, self.fleet = folder, enrolling, fleet

    def run(self, *words, exit_code=0, **environment):
        config = str(self.folder / "ota-client.toml")
        runner = CliRunner(env={"OTA_CLIENT_TOKEN": None, **environment})
        result = runner.invoke(main, ["--config", config, *map(str, words)])
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        assert TOKEN not in result.output
        return result

    def json(self, *words, exit_code=0, **environment):
        return json.loads(self.run(*words, "--json", exit_code=exit_code, **environment).stdout)


@pytest.fixture
def device(tmp_path, httpserver, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    repository = MemoryRepository(now=datetime.now(UTC))
    repository.put(Release("1.1.0", rollback_index=2))
    enrolling, fleet = EnrollingServer(tmp_path), MemoryFleetServer()

    def answer(request):
        line = enrolling if request.path.endswith(("enrol", "renew")) else fleet
        try:
            body = line.send(
                request.method, f"https://fleet.example{request.path}", request.data, max_bytes=LIMIT
            )
        except NotAuthorisedError as e:
            problem = {"title": "Forbidden", "status": 403, "detail": f"{e}\x1b[31m"}
            return Response(json.dumps(problem), 403, content_type="application/problem+json")
        return Response(body, 200 if body else 204, content_type="application/json")

    httpserver.expect_request(re.compile("/device/v1/.*")).respond_with_handler(answer)
    serve(httpserver, repository)
    (tmp_path / "pinned.json").write_bytes(repository.pinned_root)
    device = Device(tmp_path / "device", enrolling, fleet)
    words = ("--root", tmp_path / "pinned.json", "--url", httpserver.url_for("/"), "--insecure-http")
    device.run(
        *("simulate", "init", device.folder, *words),
        *("--product", "gateway", "--hardware-id", "gw-rev2", "--slot-mib", "1"),
        *("--version", "1.0.0", "--rollback-index", "1"),
    )
    url = httpserver.url_for("").rstrip("/")
    settings = device.folder / "ota-client.toml"
    settings.write_text(f'{settings.read_text()}\n[server]\nurl = "{url}"\ndevice_id = "gw-0001"\n')
    return device


def identity(device):
    return sorted(file.name for file in (device.folder / "state" / "identity").iterdir())


def test_a_device_enrols_by_a_token_from_a_file(device, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    made = device.json("enroll", "--token-file", tmp_path / "token")
    assert made["device_id"] == "gw-0001"
    assert made["key_sha256"] == device.enrolling.keys["gw-0001"]
    assert identity(device) == ["identity-1.pem"]


def test_enrolling_again_is_no_error_and_asks_the_server_nothing(device):
    first = device.json("enroll", OTA_CLIENT_TOKEN=TOKEN)
    assert device.json("enroll") == first
    assert "enrolled already as gw-0001" in device.run("enroll").stdout
    assert len(device.enrolling.requests) == 1


def test_another_name_or_a_new_key_needs_force(device):
    device.run("enroll", OTA_CLIENT_TOKEN=TOKEN)
    said = device.run("enroll", "--device-id", "gw-0002", exit_code=2).stderr
    assert "--force makes it gw-0002" in said
    device.run("enroll", "--device-id", "gw-0002", "--force", OTA_CLIENT_TOKEN=TOKEN)
    assert device.enrolling.keys["gw-0001"] != device.enrolling.keys["gw-0002"]


def test_an_expired_certificate_is_made_anew_for_the_same_key(device):
    device.enrolling.now -= timedelta(days=400)
    device.run("enroll", OTA_CLIENT_TOKEN=TOKEN)
    device.enrolling.now += timedelta(days=400)
    device.run("enroll", OTA_CLIENT_TOKEN=TOKEN)
    assert identity(device) == ["identity-2.pem"]
    assert len(device.enrolling.keys) == 1


def test_the_certificate_can_be_renewed_by_hand(device):
    device.run("enroll", OTA_CLIENT_TOKEN=TOKEN)
    assert "renewed as gw-0001" in device.run("enroll", "--renew").stdout
    assert identity(device) == ["identity-2.pem"]


MISTAKES = [
    (("enroll",), None, 4, "expected the operator's token by --token-file"),
    (("enroll",), "wrong", 4, "got status 403: the enrolment is refused?[31m"),
    (("enroll",), " ", 2, "token: expected 1 to 128"),
    (("enroll", "--token-file", "nowhere"), None, 2, "--token-file nowhere: expected the token"),
    (("enroll", "--device-id", "GW 1"), TOKEN, 2, "--device-id: expected a name"),
    (("enroll", "--renew"), None, 4, "run 'ota-client enroll'"),
    (("enroll", "--factory-certificate", "nowhere.pem"), None, 2, "nowhere.pem"),
    (("run", "--once"), None, 4, "run 'ota-client enroll'"),
    (("consent", "one"), None, 2, "expected a version such as 1.4.2"),
]


def test_bad_input_gets_one_sentence_and_its_exit_code(device, subtests):
    for words, token, exit_code, said in MISTAKES:
        with subtests.test(" ".join(words)):
            result = device.run(*words, exit_code=exit_code, OTA_CLIENT_TOKEN=token)
            assert said in result.stderr
            assert "\x1b" not in result.output


def test_a_device_without_a_server_is_told_to_name_one(device):
    settings = device.folder / "ota-client.toml"
    settings.write_text(settings.read_text().partition("[server]")[0])
    said = device.run("enroll", exit_code=2, OTA_CLIENT_TOKEN=TOKEN).stderr
    assert "expected a [server] table" in said


def test_the_whole_way_with_a_server_by_commands(device):
    device.run("enroll", OTA_CLIENT_TOKEN=TOKEN)
    device.fleet.assignment, device.fleet.consent_wanted = (7, "1.1.0"), True
    device.run("run", "--once")
    server = device.json("status")["server"]
    assert server == {"assigned_version": "1.1.0", "consent_wanted": True, "reports_waiting": 0}
    assert "'consent 1.1.0' agrees to it" in device.run("status").stdout
    assert device.json("consent", "1.1.0") == {"consented_version": "1.1.0"}
    device.run("run", "--once")
    device.run("simulate", "boot", device.folder)
    device.run("run", "--once")
    assert device.fleet.states[-1] == "1.1.0 confirmed"
    assert device.json("status")["running_version"] == "1.1.0"


def test_a_server_that_is_down_is_exit_code_5_and_the_trial_is_confirmed(device, httpserver):
    device.run("enroll", OTA_CLIENT_TOKEN=TOKEN)
    device.fleet.assignment = (7, "1.1.0")
    device.run("run", "--once")
    device.run("simulate", "boot", device.folder)
    httpserver.clear()
    device.run("run", "--once", exit_code=5)
    status = device.json("status")
    assert (status["phase"], status["running_version"]) == ("idle", "1.1.0")
    assert status["server"]["reports_waiting"] == 2
