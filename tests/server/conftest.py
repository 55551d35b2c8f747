import ssl
import subprocess

import pytest
from running_server import command, make_published, running


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    return make_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def server(tmp_path_factory, published):
    with running(tmp_path_factory.mktemp("http"), "--published", published, "--insecure-http") as one:
        yield one


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates") / "server"
    subprocess.run(command("init", folder), check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory, published, certificates):
    config = certificates / "ota-server.toml"
    with running(tmp_path_factory.mktemp("https"), "--published", published, "--config", config) as one:
        yield one


@pytest.fixture
def trust(certificates):
    return ssl.create_default_context(cafile=certificates / "ca.pem")
