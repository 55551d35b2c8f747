"""``ota-server doctor``: what it prints and how it ends; real handshakes."""

import re
import ssl
from dataclasses import replace
from datetime import timedelta

import pytest
from support.tls_listener import listening, old_context

from ota_server.cli import doctor
from ota_server.doctor.finding import Code
from ota_server.doctor.online import examine_tls
from ota_server.doctor.probe import NetworkProbe
from ota_server.settings import TlsFiles, read_unchecked
from ota_server.web.pages.table import PAGES
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


def test_what_ends_tls_in_front_of_the_server_is_examined_too(files, patient):
    """The server itself may speak plain HTTP to a proxy of this machine."""
    with listening(old_context(files, ssl.TLSVersion.TLSv1_2)) as port:
        patient.now += timedelta(days=4000)
        patient.changes = {"outside": NetworkProbe("127.0.0.1", port, tls=True)}
        with patient.setup() as setup:
            found = {finding.code: finding.what for finding in examine_tls(setup)}
    assert set(found) == {Code.TLS_OLD, Code.TLS_WEAK_CIPHER, Code.CERTIFICATE_EXPIRED}
    assert setup.settings.public_url in found[Code.CERTIFICATE_EXPIRED]


@pytest.mark.parametrize(
    ("url", "tls", "host"),
    [
        ("https://ota.example.com", None, "ota.example.com"),
        ("https://ota.example.com", "8443", "ota.example.com"),
        ("https://ota.example.com:8443", "8443", None),
        ("http://ota.example.com", None, None),
        (None, None, None),
    ],
)
def test_the_address_of_people_says_whether_something_is_in_front(patient, files, url, tls, host):
    given = read_unchecked({}, patient.folder / "ota-server.toml")
    operators = replace(given.operators, url=url)
    settings = replace(given, tls=files if tls else None, port=8443, operators=operators)
    found = NetworkProbe.outside(settings)
    assert (found and (found.host, found.tls)) == (host and (host, True))


def test_every_page_for_people_is_tried_without_a_session():
    tried = set(doctor._routes())
    for page in PAGES:
        assert (page.method, re.sub(r"{\w+}", "1", page.path)) in tried


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
