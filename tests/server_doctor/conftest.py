import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.operator import Operator, furnish

from ota_server.catalog import Catalog
from ota_server.doctor.examination import examine, opened_setup
from ota_server.files.folder import PublishedFolder
from ota_server.settings import read_unchecked


class Quiet:
    """A server that does all as it should."""

    version = "TLSv1.3"

    def __init__(self, certificate):
        self.certificate = certificate
        self.asked = []

    def handshake(self, *, newest=None, ciphers=None):
        from ota_server.doctor.setup import Handshake

        refused = newest in {"TLSv1", "TLSv1.1"} or ciphers is not None
        return None if refused else Handshake("TLSv1.3", self.certificate)

    def status(self, method, path):
        self.asked.append((method, path))
        return 401


class Patient(Operator):
    """A server's folder, and what the doctor says of it."""

    now = datetime.now(UTC)
    probe = None
    changes = ()

    @contextmanager
    def setup(self):
        config = self.folder / "ota-server.toml"
        settings = read_unchecked({}, config)
        catalog = Catalog(PublishedFolder(self.folder / "published"), clock=lambda: self.now)
        routes = (("GET", "/api/v1/devices"), ("GET", "/"))
        with opened_setup(settings, config, catalog, self.probe, routes, self.now) as setup:
            yield replace(setup, **dict(self.changes))

    def codes(self):
        with self.setup() as setup:
            return {finding.code: finding for finding in examine(setup).findings}

    def setting(self, text):
        """Add lines; those without a table go to the top."""
        path = self.folder / "ota-server.toml"
        before = path.read_text()
        path.write_text(before + text if text.startswith("[") else text + before)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor") / "server"
    furnish(folder)
    return folder


@pytest.fixture
def patient(furnished, tmp_path):
    folder = tmp_path / "server"
    shutil.copytree(furnished, folder)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else path.stat().st_mode)
    return Patient(folder)


@pytest.fixture
def quiet(patient):
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    pem = (patient.folder / "server.pem").read_bytes()
    return Quiet(load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
