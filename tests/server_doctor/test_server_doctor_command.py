"""``ota-server doctor``: what it prints and how it ends; real handshakes."""

import ssl

import pytest
from support.tls_listener import listening, old_context

from ota_server.doctor.probe import NetworkProbe
from ota_server.settings import TlsFiles
from ota_server.web.tls import server_context


@pytest.fixture
def files(patient):
    return TlsFiles(patient.folder / "server.pem", patient.folder / "server.key")


def probed(context):
    with listening(context) as port:
        probe = NetworkProbe("127.0.0.1", port, tls=True)
        old = {
            name: probe.handshake(newest=name, ciphers="ALL:@SECLEVEL=0")
            for name in ("TLSv1", "TLSv1.1")
        }
        return probe.handshake(), old


def test_our_own_tls_is_new_alone(files, patient):
    found, old = probed(server_context(files, patient.now))
    assert found.version == "TLSv1.3"
    assert old == {"TLSv1": None, "TLSv1.1": None}


def test_old_tls_is_really_spoken_to(files):
    found, old = probed(old_context(files, ssl.TLSVersion.TLSv1_1))
    assert found is None
    assert old["TLSv1.1"].version == "TLSv1.1"


def test_errors_end_with_exit_code_1_and_json_has_them(patient):
    (patient.folder / "server.key").chmod(0o644)
    report = patient.json("doctor", "--offline", code=1)
    assert report["severity"] == "error"
    files = next(one for one in report["subjects"] if one["subject"] == "files")
    (finding,) = (one for one in files["findings"] if one["severity"] == "error")
    assert finding["code"] == "file-readable"
    assert finding["what_to_do"].startswith("chmod 600")


def test_without_errors_it_ends_well_and_says_what_to_do(patient):
    said = patient.run("doctor", "--offline").stdout
    assert "backups: warning" in said
    assert "-> run `ota-server backup FILE` by a timer" in said


def test_a_backup_is_remembered(patient):
    patient.run("backup", patient.folder / "backup.tar")
    assert "backups: ok" in patient.run("doctor", "--offline").stdout


def test_the_doctor_changes_nothing(patient):
    before = {p: p.read_bytes() for p in patient.folder.rglob("*") if p.is_file()}
    patient.run("doctor", "--offline")
    after = {p: p.read_bytes() for p in patient.folder.rglob("*") if p.is_file()}
    assert {p: d for p, d in after.items() if not p.name.startswith("fleet.db-")} == before


def test_settings_that_cannot_be_read_are_a_usage_error(patient):
    (patient.folder / "ota-server.toml").write_text("nonsense = true\n")
    assert "nonsense" in patient.run("doctor", code=2).stderr
