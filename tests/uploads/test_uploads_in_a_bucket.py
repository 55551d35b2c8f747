"""Uploads that become public in a real S3 store."""

import pytest
from support.s3 import CREDENTIALS, client, s3_server
from support.upload_server import Line, UploadServer

from ota_client.network.directory import DirectoryFetcher
from ota_server.files.settings import BucketSettings
from ota_server.settings.uploads import UploadSettings, uploads_folder
from signing.errors import ServerRefusedError
from signing.publication.server import ServerDestination


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def objects(s3):
    found = client(s3, "uploads", "fleet")
    # a bucket is made with its first object
    client(s3, "uploads").put("made", b"")
    return found


@pytest.fixture
def server(s3, objects, desk, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    bucket = BucketSettings("uploads", "fleet", s3.endpoint, "us-east-1", insecure_http_endpoint=True)
    folder = tmp_path / "staging"
    server = UploadServer(tmp_path, lambda: desk.now, bucket=bucket, folder=folder)
    yield server
    server.close()


@pytest.mark.system
def test_devices_take_what_was_published_into_a_bucket(desk, server, objects, tmp_path):
    token = server.token()
    for version in ("1.0.0", "1.1.0"):
        desk.add(version)
        desk.sign_and_publish(to=server.destination(token))
    copy = tmp_path / "copy"
    for name in objects.names():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(objects.get(name))
    trusted = desk.trusted(fetcher=DirectoryFetcher(copy))
    assert [str(version) for version in trusted.versions()] == ["1.0.0", "1.1.0"]
    # once more, and no byte goes over the line
    line = Line(server, token)
    desk.publish(to=ServerDestination(line))
    assert line.sent_bytes == 0
    # what somebody else put there meanwhile is not overwritten
    foreign = objects.get("metadata/timestamp.json").replace(b'"version":2', b'"version":9')
    objects.put("metadata/timestamp.json", foreign)
    desk.add("1.2.0")
    with pytest.raises(ServerRefusedError):
        desk.sign_and_publish(to=server.destination(token))
    assert objects.get("metadata/timestamp.json") == foreign


def test_with_a_bucket_and_no_folder_no_uploads_are_taken():
    bucket = BucketSettings("uploads")
    assert uploads_folder(UploadSettings(), None, bucket) is None
