"""Certificates and keys in files, made for each test."""

from datetime import timedelta

import pytest
import trustme
from device_on_paper import NOW

from ota_client.doctor.finding import Code, Severity


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
