import pytest
from support.upload_server import UploadServer


@pytest.fixture
def server(tmp_path, desk):
    server = UploadServer(tmp_path, lambda: desk.now)
    yield server
    server.close()


@pytest.fixture
def token(server):
    return server.token()
