"""``ota-client`` as a user meets it: words, JSON, exit codes, one sentence an error."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from support.memory_repository import MemoryRepository, Release
from support.web import serve

from ota_client.cli import main
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity

DOOR = Advisory(
    id="CVE-2026-1",
    severity=Severity.HIGH,
    summary="Bad\x1b[31m door",
    action="Update now.",
    fixed_in=Version(1, 1, 0),
)


@pytest.fixture
def repository():
    repository = MemoryRepository(now=datetime.now(UTC))  # the commands read the real clock
    repository.put(
        Release(
            "1.1.0",
            rollback_index=2,
            advisories=(DOOR,),
            notes="First line\nsecond",
        )
    )
    return repository


class Device:
    """A simulated device in a folder, driven by the commands alone."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *words, exit_code=0):
        config = str(self.folder / "ota-client.toml")
        result = CliRunner().invoke(main, ["--config", config, *map(str, words)])
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *words, exit_code=0):
        return json.loads(self.run(*words, "--json", exit_code=exit_code).stdout)

    def simulate(self, verb, *words, exit_code=0):
        return self.run("simulate", verb, self.folder, *words, exit_code=exit_code)


@pytest.fixture
def device(tmp_path, repository, httpserver):
    serve(httpserver, repository)
    root = tmp_path / "pinned.json"
    root.write_bytes(repository.pinned_root)
    device = Device(tmp_path / "device")
    device.simulate(
        *("init", "--root", root, "--url", httpserver.url_for("/"), "--insecure-http"),
        *("--product", "gateway", "--hardware-id", "gw-rev2", "--slot-mib", "1"),
        *("--version", "1.0.0", "--rollback-index", "1"),
    )
    return device


def test_the_whole_way_by_commands(device):
    assert device.json("check")["offered_version"] == "1.1.0"
    assert device.json("install")["installed"] is True
    assert device.json("status")["phase"] == "installed"
    assert device.simulate("boot").stdout == "slot B runs\n"
    assert device.json("status")["phase"] == "trial"
    assert device.json("mark-good")["stored_rollback_index"] == 2
    assert device.json("check", exit_code=3)["update"] is False


def test_the_owner_is_told_what_an_update_mends(device):
    output = device.run("check").stdout
    assert "CVE-2026-1  HIGH" in output
    assert "what to do:" in output
    assert "\x1b" not in output
    assert "CVE-2026-1" in device.run("status").stdout


def test_a_dry_run_writes_nothing(device):
    before = (device.folder / "slots" / "B-rootfs.img").read_bytes()
    device.run("install", "--dry-run")
    assert (device.folder / "slots" / "B-rootfs.img").read_bytes() == before
    assert device.json("status")["phase"] == "idle"


def test_progress_is_shown_when_asked_for_and_the_report_stays_clean(device):
    result = device.run("install", "--progress", "--json")
    assert "downloading" in result.stderr
    assert "verifying" in result.stderr
    assert json.loads(result.stdout)["installed"] is True


def test_a_release_that_fails_to_boot_is_told_and_not_tried_again(device):
    device.run("install")
    assert "slot B failed 3 times; slot A runs" in device.simulate("fail-boot").stdout
    assert "fell back from  1.1.0" in device.run("status").stdout
    assert "[known-bad-release]" in device.run("install", exit_code=12).stderr


def test_a_trial_can_be_given_up(device):
    device.run("install")
    device.simulate("boot")
    device.run("mark-bad")
    assert device.simulate("boot").stdout == "slot A runs\n"


def test_an_error_is_one_sentence_and_in_json_an_object(device, httpserver):
    httpserver.clear()
    result = device.run("check", "--json", exit_code=5)
    assert result.stderr.count("\n") == 2  # the warning of plain HTTP, and the sentence
    assert json.loads(result.stdout)["error"]["retryable"] is True


def test_plain_http_warns_at_each_start(device):
    assert "insecure_http" in device.run("status").stderr


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("check", "--version", "one"), 2, "expected a version such as 1.4.2"),
        (("check", "--version", "7.0.0"), 10, "[unknown-release]"),
        (("mark-bad",), 14, "expected another confirmed slot"),
        (("simulate", "boot", "nowhere"), 2, "No such file"),
        (("--config", "nowhere.toml", "status"), 2, "nowhere.toml"),
    ],
)
def test_bad_input_gets_one_sentence_and_its_exit_code(device, words, exit_code, said):
    assert said in device.run(*words, exit_code=exit_code).stderr


def test_a_device_is_not_made_over_another_one_or_with_a_bad_setting(device, tmp_path):
    words = ("--root", tmp_path / "pinned.json", "--product", "p", "--hardware-id", "h")
    again = device.simulate("init", *words, "--url", "https://x", exit_code=2)
    assert "expected no device, got one" in again.stderr
    other = Device(tmp_path / "other")
    other.simulate("init", *words, "--url", "http://x", exit_code=2)
    assert not other.folder.exists()


def test_the_agent_polls_once_for_a_timer(device):
    device.run("run", "--once")
    assert device.json("status")["phase"] == "installed"


def test_a_real_device_is_provisioned_once(device):
    again = device.run("provision", exit_code=2)
    assert "expected no boot record yet" in again.stderr
    for copy in ("boot.0", "boot.1"):
        (device.folder / copy).unlink()
    assert device.json("provision") == {"booted": "A"}
    assert device.json("status")["slots"][0]["good"] is True


def test_slots_may_be_named_by_links_as_in_dev_disk_by_partlabel(device):
    real = device.folder / "slots" / "B-rootfs.img"
    moved = real.rename(real.with_name("partition"))
    real.symlink_to(moved)
    assert device.json("install")["installed"] is True
    assert real.is_symlink()


def test_the_post_install_hook_is_run_once_for_a_release(device, tmp_path):
    log = tmp_path / "hooks.log"
    script = tmp_path / "hook"
    script.write_text(f"#!/bin/sh\necho $RATCHET_HOOK $RATCHET_VERSION >> {log}\n")
    script.chmod(0o755)
    settings = device.folder / "ota-client.toml"
    hook = f'["{script}"]'
    lines = f"\n[hooks]\npre_install = {hook}\npost_install = {hook}\nadvisories = {hook}\n"
    settings.write_text(settings.read_text() + lines)
    for _ in range(2):
        device.run("install")
    expected = ["advisories 1.1.0", "pre_install 1.1.0", "post_install 1.1.0"]
    assert log.read_text().splitlines() == expected


def test_a_post_install_hook_that_fails_is_logged_and_the_release_waits(device):
    settings = device.folder / "ota-client.toml"
    settings.write_text(settings.read_text() + '\n[hooks]\npost_install = ["/bin/false"]\n')
    installed = device.run("install")
    assert installed.exit_code == 0
    assert "hook post_install: expected /bin/false to end with 0" in installed.stderr
