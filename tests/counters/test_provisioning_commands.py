"""Provisioning and status by the commands, with a TPM that only answers here."""

import json

import pytest
from click.testing import CliRunner
from support.counters import make_index
from support.folder_device import make_folder_device
from support.memory_repository import MemoryRepository
from support.simulated_tpm import Memory, SimulatedTpm

from ota_client.cli import main
from ota_client.config import DeviceConfig
from ota_client.counters.tpm import TpmIndex
from ota_client.errors import ConfigError

TPM = '[rollback_counter]\nkind = "tpm"\n'


@pytest.fixture
def tpm(monkeypatch):
    chip = SimulatedTpm(Memory(highest=7))
    monkeypatch.setattr(TpmIndex, "of", lambda _settings: make_index(chip))
    return chip


@pytest.fixture
def run(tmp_path, tpm):
    folder = make_folder_device(tmp_path / "device", MemoryRepository()).folder
    settings = folder / "ota-client.toml"
    settings.write_text(f"{settings.read_text()}\n{TPM}")

    def run(*words, exit_code=0):
        result = CliRunner().invoke(main, ["--config", str(settings), *words, "--json"])
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    return run


def test_a_device_that_gets_its_tpm_in_the_field_is_provisioned_once(run):
    assert run("status")["rollback_counter"]["health"] == "unprovisioned"
    assert run("provision-counter")["hardware_index"] == 1
    assert run("provision-counter")["health"] == "ok"
    assert run("status")["rollback_counter"] == {
        "kind": "tpm",
        "health": "ok",
        "record_index": 1,
        "hardware_index": 1,
        "detail": "",
    }


def test_the_factory_provisions_boot_record_and_counter_in_one(run, tmp_path):
    for copy in ("boot.0", "boot.1"):
        (tmp_path / "device" / copy).unlink()
    run("provision")
    assert run("status")["rollback_counter"]["health"] == "ok"


def test_a_cleared_tpm_is_told_and_replaced_only_when_told(run, tpm):
    run("provision-counter")
    tpm.clear()
    assert run("status")["rollback_counter"]["health"] == "cleared"
    assert run("mark-good")["rollback_counter"]["health"] == "cleared"
    refusal = run("provision-counter", exit_code=14)["error"]
    assert (refusal["code"], refusal["retryable"]) == ("rollback-counter", False)
    assert run("provision-counter", "--replace")["health"] == "ok"


def test_a_device_without_hardware_has_nothing_to_provision(tmp_path):
    folder = make_folder_device(tmp_path / "device", MemoryRepository()).folder
    result = CliRunner().invoke(main, ["--config", str(folder / "ota-client.toml"), "provision-counter"])
    assert (result.exit_code, "got record" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('kind = "hsm"', "one of record, tpm"),
        ('device = "tpm0"', "expected a path, swtpm:HOST:PORT or swtpm:PATH"),
        ('device = "swtpm:localhost:99999"', "expected a path"),
        ("nv_index = 1", "an integer from 16777216"),
        ("pcr = 1", "got 'pcr'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path, setting, said):
    folder = make_folder_device(tmp_path / "device", MemoryRepository()).folder
    text = (folder / "ota-client.toml").read_text()
    with pytest.raises(ConfigError, match=said):
        DeviceConfig.parse(f"{text}\n[rollback_counter]\n{setting}\n", folder=folder)


@pytest.mark.parametrize("device", ["/dev/tpm0", "swtpm:127.0.0.1:2321", "swtpm:/run/tpm"])
def test_a_tpm_is_named_by_file_or_socket(tmp_path, device):
    folder = make_folder_device(tmp_path / "device", MemoryRepository()).folder
    text = (folder / "ota-client.toml").read_text()
    config = DeviceConfig.parse(f'{text}\n{TPM}device = "{device}"\n', folder=folder)
    assert config.counter.device == device
