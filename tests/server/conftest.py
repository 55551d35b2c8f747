import ssl
from uuid import uuid4

import pytest
from running_server import Served, make_published, running, serving
from support.device_api import ApiUnderTest

from ota_server.cli import main
from ota_server.settings import ServerSettings
from ota_server.web.app import make_app


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    return make_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def server(published):
    """In this process; ``tls_server`` is one of its own."""
    with serving(make_app(ServerSettings(published, None))) as (port, _):
        yield Served(f"http://127.0.0.1:{port}", port)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates") / "server"
    main(["init", str(folder)], standalone_mode=False)
    return folder


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory, published, certificates):
    config = certificates / "ota-server.toml"
    with running(tmp_path_factory.mktemp("https"), "--published", published, "--config", config) as one:
        yield one


@pytest.fixture
def api(tmp_path):
    with ApiUnderTest(tmp_path) as one:
        yield one


@pytest.fixture
def trust(certificates):
    return ssl.create_default_context(cafile=certificates / "ca.pem")


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """A real S3 server; each test takes a bucket of its own."""
    from support.s3 import s3_server

    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket_name(s3):
    from support.s3 import client

    name = f"test-{uuid4()}"
    client(s3, name).put("made", b"with its first object")
    return name
