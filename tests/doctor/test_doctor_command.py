"""``ota-client doctor`` on a simulated device of this machine: words, JSON, exit codes."""

import json

import pytest
from click.testing import CliRunner
from support.folder_device import make_folder_device
from support.memory_repository import BASE_URL, MemoryRepository, Release
from support.web import serve

from ota_client.cli import main
from ota_client.doctor.finding import Code


@pytest.fixture
def repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0"))
    return repository


@pytest.fixture
def folder(tmp_path, repository):
    return make_folder_device(tmp_path / "device", repository).folder


def run(folder, *words):
    result = CliRunner().invoke(main, ["--config", str(folder / "ota-client.toml"), "doctor", *words])
    assert "Traceback" not in result.output
    return result


def findings(result):
    return {
        finding["code"]: finding
        for subject in json.loads(result.stdout)["subjects"]
        for finding in subject["findings"]
    }


def test_each_finding_is_told_with_its_way_out(folder):
    (folder / "boot.0").unlink()
    (folder / "boot.1").unlink()
    result = run(folder)
    assert result.exit_code == 1
    assert "boot loader: error\n  error: boot record: expected one, got none" in result.stdout
    assert "[boot-state]\n    -> mend [boot], or provision the device" in result.stdout


def test_in_json_each_finding_has_four_fields(folder):
    found = findings(run(folder, "--json"))
    assert found["slot-is-file"].keys() == {"code", "severity", "what", "what_to_do"}
    assert set(found) <= set(Code)


def test_a_genuine_root_is_understood(folder):
    assert not {"root-missing", "root-malformed"} & set(findings(run(folder, "--json")))


def test_owasps_ten_are_listed_when_asked_for(folder):
    said = run(folder, "--owasp").stdout
    assert " 4 Lack of secure update mechanism: seen" in said
    assert " 8 Lack of device management: cannot be seen from here" in said


def test_the_doctor_makes_no_state_directory(folder):
    found = findings(run(folder, "--json"))
    assert found["state-missing"]["severity"] == "note"
    assert not (folder / "state").exists()


def test_the_repository_is_asked_only_online(folder, repository, httpserver):
    serve(httpserver, repository)
    settings = folder / "ota-client.toml"
    text = settings.read_text().replace("[network]", "[network]\ninsecure_http = true")
    settings.write_text(text.replace(BASE_URL, httpserver.url_for("/")))
    run(folder)
    assert httpserver.log == []
    assert "repository-unreachable" not in findings(run(folder, "--online", "--json"))
    assert len(httpserver.log) == 1
    httpserver.clear()
    assert "repository-unreachable" in findings(run(folder, "--online", "--json"))
