"""Certificates and keys in files, made for each test."""

from datetime import timedelta

import pytest
import trustme
from device_on_paper import NOW

from ota_client.doctor.finding import Code, Severity
from ota_client.doctor.online import examine_server_online
from ota_client.doctor.system import Setup


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def issue(device, authority):
    """Give the device a certificate of its own that is good for so many days more."""

    def issue(*, days=365, key_of=None):
        certificate = authority.issue_cert("device", not_after=NOW + timedelta(days=days))
        authority.cert_pem.write_to_path(device.folder / "ca.pem")
        certificate.cert_chain_pems[0].write_to_path(device.folder / "device.pem")
        (key_of or certificate).private_key_pem.write_to_path(device.folder / "device.key")
        (device.folder / "device.key").chmod(0o600)
        device.settings += '[network]\nca_file = "ca.pem"\nclient_certificate = "device.pem"\n'
        device.settings += 'client_key = "device.key"\n'

    return issue


def found(device):
    subject = next(e for e in device.examine().subjects if e.subject == "network")
    return {(finding.code, finding.severity) for finding in subject.findings}


def test_a_good_certificate_is_no_finding(device, issue):
    issue()
    assert found(device) == set()


def test_an_expired_certificate_is_an_error_and_one_that_expires_soon_a_warning(device, issue):
    issue(days=20)
    assert found(device) == {(Code.CERTIFICATE_EXPIRES_SOON, Severity.WARNING)}
    device.now = NOW + timedelta(days=21)
    assert (Code.CERTIFICATE_EXPIRED, Severity.ERROR) in found(device)


def test_a_key_that_others_may_read_is_an_error(device, issue):
    issue()
    (device.folder / "device.key").chmod(0o640)
    assert found(device) == {(Code.KEY_READABLE, Severity.ERROR)}


def test_a_key_of_another_certificate_is_an_error(device, issue, authority):
    issue(key_of=authority.issue_cert("other"))
    assert found(device) == {(Code.CERTIFICATE_MISMATCH, Severity.ERROR)}


def test_a_key_that_is_not_there_is_an_error(device, issue):
    issue()
    (device.folder / "device.key").unlink()
    assert found(device) == {(Code.CERTIFICATE_MISSING, Severity.ERROR)}


@pytest.fixture
def enrolled(device, authority):
    """A device with an update server, and an identity that began and that ends so many days from now."""

    def enrolled(*, days, age=0, mode=0o600):
        made = authority.issue_cert(
            common_name="gw-0001",
            not_before=NOW - timedelta(days=age),
            not_after=NOW + timedelta(days=days),
        )
        pem = made.private_key_pem.bytes() + made.cert_chain_pems[0].bytes()
        file = device.write("data/state/identity/identity-1.pem", pem.decode())
        file.chmod(mode)

    device.settings += '[server]\nurl = "https://fleet.example"\n'
    return enrolled


def at_the_server(device):
    subject = next(e for e in device.examine().subjects if e.subject == "update server")
    return {(finding.code, finding.severity) for finding in subject.findings}


def test_a_device_that_is_not_enrolled_at_its_server_is_a_warning(device, enrolled):
    assert at_the_server(device) == {(Code.SERVER_NOT_ENROLLED, Severity.WARNING)}


def test_a_good_identity_is_no_finding(device, enrolled):
    enrolled(days=365)
    assert at_the_server(device) == set()
    enrolled(days=110, age=255)
    assert at_the_server(device) == set()


def test_an_identity_that_was_not_renewed_in_time_is_a_warning_and_an_expired_one_an_error(
    device, enrolled
):
    enrolled(days=40, age=325)
    assert at_the_server(device) == {(Code.SERVER_RENEWAL_OVERDUE, Severity.WARNING)}
    enrolled(days=-1, age=366)
    assert at_the_server(device) == {(Code.CERTIFICATE_EXPIRED, Severity.ERROR)}


def test_an_identity_that_others_may_read_or_that_is_none_is_an_error(device, enrolled):
    enrolled(days=365, mode=0o644)
    assert at_the_server(device) == {(Code.KEY_READABLE, Severity.ERROR)}
    file = device.write(
        "data/state/identity/identity-2.pem", "-----BEGIN A-----\nAA==\n-----END A-----\n"
    )
    file.chmod(0o600)
    assert at_the_server(device) == {(Code.CERTIFICATE_MALFORMED, Severity.ERROR)}


def test_an_update_server_that_does_not_answer_is_an_error(device, enrolled):
    device.settings = device.settings.replace("https://fleet.example", "https://127.0.0.1:1")
    device.settings += "[network]\nattempts = 1\n"
    enrolled(days=365)
    setup = Setup(device.config, device.folder, device.now, device.user_id, device.system)
    codes = [finding.code for finding in examine_server_online(setup)]
    assert codes == [Code.SERVER_UNREACHABLE]
