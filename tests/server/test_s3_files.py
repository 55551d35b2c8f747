"""Devices and the server on a real S3 store: straight and by redirect, cut, tampered with, and gone."""

import random
import ssl
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from urllib.parse import urlsplit

import pytest
import trustme
from hostile_server import answers, hostile_server, http
from running_server import running
from support.bad_network import Cut, Wire, bad_network
from support.memory_repository import REGION_BYTES, MemoryRepository, Release
from support.s3 import CREDENTIALS, client, settings_table
from support.simulated import make_device

from ota_client.errors import RedirectRefusedError, VerificationError
from ota_client.fetch import HttpFetcher
from ota_client.network.settings import HttpSettings
from ota_server.errors import PublishedFolderError
from ota_server.files.bucket import Bucket
from ota_server.files.settings import BucketSettings
from ota_server.files.upload import plan, send

pytestmark = pytest.mark.system

IMAGE = random.Random(11).randbytes(60 * 1024)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def repository():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2, images=(("rootfs", IMAGE),)))
    return repository


@pytest.fixture(scope="module")
def published(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    for name, content in repository.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def bucket(s3, bucket_name, published):
    settings = BucketSettings(
        bucket_name, "some/where", s3.endpoint, "us-east-1", insecure_http_endpoint=True
    )
    send(plan(published, Bucket(settings), force=False), Bucket(settings), lambda *_: None)
    return client(s3, bucket_name, "some/where")


@contextmanager
def serving(tmp_path, s3, bucket_name, **more):
    config = tmp_path / "ota-server.toml"
    config.write_text(settings_table(s3, bucket_name, prefix="some/where", **more))
    environment = {**CREDENTIALS, **more.pop("environment", {})}
    with running(tmp_path, "--config", config, "--insecure-http", **environment) as server:
        yield server


def device_on(folder, repository, url, *, elsewhere=()):
    settings = HttpSettings(insecure_http=True, timeout_s=10, payload_hosts=elsewhere)
    return make_device(
        folder,
        repository,
        fetcher=HttpFetcher(settings, sleep=lambda _: None),
        urls=(url + "/",),
        network="insecure_http = true",
    )


def updates(device):
    device.client.install()
    assert device.boot() == "B"
    assert str(device.client.mark_good().running) == "1.1.0"


def payload_of(repository):
    return next(name for name in repository.files if name.endswith(".data"))


def test_a_bucket_answers_as_the_folder_does(tmp_path, s3, bucket, bucket_name, published, repository):
    requests = [
        (f"/{name}", method, headers)
        for name in repository.files
        for method in ("GET", "HEAD")
        for headers in ({}, {"Range": "bytes=1-9"}, {"Range": "bytes=99999999-"})
    ]
    requests += [("/metadata/9.root.json", "GET", {}), ("/metadata/..", "GET", {}), ("/x", "GET", {})]
    shown = ("ETag", "Cache-Control", "Content-Type", "Content-Range", "Content-Length", "Accept-Ranges")

    def answers(server):
        for path, method, headers in requests:
            status, got, body = server.ask(path, method, **headers)
            yield path, method, headers, status, {name: got[name] for name in shown}, body
            etag = got["ETag"]
            if etag:
                yield server.ask(path, If_None_Match=etag)[0]

    (tmp_path / "folder").mkdir()
    with (
        serving(tmp_path, s3, bucket_name) as on_s3,
        running(tmp_path / "folder", "--published", published, "--insecure-http") as on_folder,
    ):
        assert list(answers(on_s3)) == list(answers(on_folder))
        assert on_s3.ask("/healthz")[0] == 200


def test_a_device_installs_from_a_bucket_straight_with_connections_cut(
    tmp_path, s3, bucket, bucket_name, repository
):
    with (
        serving(tmp_path, s3, bucket_name) as server,
        bad_network(server.port, [Cut(n * 5000) for n in range(1, 8)]) as network,
    ):
        updates(device_on(tmp_path, repository, network.url))
        assert network.cuts > 3


def test_a_device_installs_by_redirect_and_goes_on_where_the_store_was_cut(
    tmp_path, s3, bucket, bucket_name, repository
):
    coming = []
    cuts = (coming.pop(0) if coming else None for _ in count())
    # small slices, so that what came before a reset is read
    with bad_network(s3.port, cuts, wire=Wire(slice_bytes=1000)) as store:
        table = {"endpoint": store.url, "redirect_from_bytes": 1024}
        with serving(tmp_path, s3, bucket_name, **table) as server:
            # what the server itself reads it has now, and its connection stays
            for name in repository.files:
                server.ask(f"/{name}")
            coming += [Cut(n * 7000) for n in range(1, 8)]
            updates(device_on(tmp_path, repository, server.url, elsewhere=(store.url,)))
            log = server.log.read_text()
        assert store.cuts >= 3
    assert f"/{payload_of(repository)} 307" in log
    assert "Signature" not in log


def test_a_redirect_keeps_the_range_and_nobody_may_keep_the_address(
    tmp_path, s3, bucket, bucket_name, repository
):
    name = payload_of(repository)
    data = repository.files[name]
    with serving(tmp_path, s3, bucket_name, redirect_from_bytes=1) as server:
        status, headers, body = server.ask(f"/{name}", Range="bytes=5-104")
        assert (status, headers["Cache-Control"], body) == (307, "no-store", b"")
        address = urlsplit(headers["Location"])
        assert f"http://{address.netloc}" == s3.endpoint
        connection = HTTPConnection(address.netloc, timeout=10)
        for path, wanted in (
            (f"{address.path}?{address.query}", (206, data[5:105])),
            (f"{address.path}?{address.query}0", (403, None)),
            (address.path, (403, None)),
        ):
            connection.request("GET", path, headers={"Range": "bytes=5-104"})
            answer = connection.getresponse()
            body = answer.read()
            assert (answer.status, wanted[1] and body) == wanted
        connection.close()
        assert server.ask(f"/{name}", "HEAD")[0] == 200
        # metadata and indexes, however large, never lead elsewhere
        for other in repository.files:
            assert server.ask(f"/{other}")[0] == (307 if other == name else 200)


def test_a_device_that_names_no_other_host_refuses_the_redirect(
    tmp_path, s3, bucket, bucket_name, repository
):
    """C04."""
    with serving(tmp_path, s3, bucket_name, redirect_from_bytes=1) as server:
        device = device_on(tmp_path, repository, server.url)
        with pytest.raises(RedirectRefusedError):
            device.client.install()
        assert device.boot() == "A"


@pytest.mark.parametrize("redirect", [{}, {"redirect_from_bytes": 1}])
def test_a_tampered_payload_is_refused_by_the_device(
    tmp_path, s3, bucket, bucket_name, repository, redirect
):
    """A01, B02: whoever has the bucket's credentials can stop updates, and no more."""
    name = payload_of(repository)
    data = bytearray(repository.files[name])
    data[REGION_BYTES // 2] ^= 1
    bucket.put(name, bytes(data))
    with serving(tmp_path, s3, bucket_name, **redirect) as server:
        device = device_on(tmp_path, repository, server.url, elsewhere=(s3.endpoint,))
        with pytest.raises(VerificationError):
            device.client.install()
        assert device.boot() == "A"
    bucket.put(name, repository.files[name])
    (tmp_path / "mended").mkdir()
    with serving(tmp_path / "mended", s3, bucket_name, **redirect) as server:
        updates(device_on(tmp_path, repository, server.url, elsewhere=(s3.endpoint,)))


def test_a_bucket_that_is_gone_is_503_and_told_to_the_operator_alone(tmp_path, s3, bucket, bucket_name):
    with serving(tmp_path, s3, bucket_name) as server:
        s3.drop(bucket_name)
        for path in ("/metadata/timestamp.json", "/metadata/2.root.json", "/healthz"):
            status, headers, body = server.ask(path)
            assert (status, headers["Retry-After"]) == (503, "30")
            assert bucket_name.encode() not in body
            assert str(s3.port).encode() not in body
        assert "NoSuchBucket" in server.log.read_text()


def test_a_store_that_is_down_is_503_until_it_is_back(tmp_path, s3, bucket, bucket_name, repository):
    name = payload_of(repository)
    with serving(tmp_path, s3, bucket_name) as server:
        s3.stop()
        try:
            assert server.ask("/metadata/timestamp.json")[0] == 503
            assert server.ask(f"/{name}")[0] == 503
        finally:
            s3.start()
        deadline = time.monotonic() + 60
        while server.ask("/metadata/timestamp.json")[0] != 200:
            assert time.monotonic() < deadline
        updates(device_on(tmp_path, repository, server.url))


def test_wrong_credentials_are_503_and_stand_in_no_log(tmp_path, s3, bucket, bucket_name):
    wrong = {"AWS_SECRET_ACCESS_KEY": "another-secret-key"}
    config = tmp_path / "ota-server.toml"
    config.write_text(settings_table(s3, bucket_name))
    environment = {**CREDENTIALS, **wrong}
    with running(tmp_path, "--config", config, "--insecure-http", **environment) as server:
        assert server.ask("/metadata/timestamp.json")[0] == 503
        log = server.log.read_text()
    assert "SignatureDoesNotMatch" in log
    assert not any(value in log for value in environment.values())


def test_a_file_put_into_the_bucket_beside_the_published_ones_is_not_served(
    tmp_path, s3, bucket, bucket_name
):
    """A27."""
    client(s3, bucket_name).put("some/secret", b"secret")
    bucket.put("secret.txt", b"secret")
    bucket.put("metadata/.hidden", b"secret")
    with serving(tmp_path, s3, bucket_name) as server:
        for path in (
            "/secret.txt",
            "/metadata/.hidden",
            "/metadata/../secret.txt",
            "/metadata/%2e%2e/secret.txt",
            "/metadata/../../secret",
            "/metadata//timestamp.json",
        ):
            assert server.ask(path)[0] == 404, path


def test_a_store_whose_certificate_nobody_vouches_for_gets_no_request():
    """B09."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with hostile_server(answers(http(b"evil")), context) as store:
        bucket = Bucket(BucketSettings("firmware", endpoint=store.url))
        with pytest.raises(PublishedFolderError, match="InvalidCertificate"):
            bucket.read_whole("metadata/timestamp.json", 99)
    assert store.requests == []


def test_an_endpoint_of_the_environment_does_not_stand_in_for_the_setting(
    s3, bucket, bucket_name, monkeypatch
):
    with hostile_server(answers(http(b"evil"))) as other:
        for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.setenv(name, other.url)
        settings = BucketSettings(
            bucket_name, "some/where", s3.endpoint, "us-east-1", insecure_http_endpoint=True
        )
        assert Bucket(settings).read_whole("metadata/timestamp.json", 9999).startswith(b"{")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        with pytest.raises(PublishedFolderError):
            Bucket(BucketSettings(bucket_name)).read_whole("metadata/timestamp.json", 9999)
    assert other.requests == []
