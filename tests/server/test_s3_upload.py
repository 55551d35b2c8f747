"""``ota-server upload`` to a real S3 store: in a safe order, resumed, and never backwards."""

import json
import random
import subprocess
import threading
from contextlib import contextmanager

import pytest
from running_server import command, running
from support.bad_network import Wire, bad_network
from support.memory_repository import MemoryRepository, Release
from support.s3 import CREDENTIALS, client, settings_table
from tuf.api.metadata import Metadata

from ota_server.errors import (
    ConflictError,
    InvalidError,
    NotPublishedError,
    PublishedFolderError,
)
from ota_server.files.bucket import PART_BYTES, Bucket
from ota_server.files.completeness import check_complete
from ota_server.files.folder import PublishedFolder
from ota_server.files.local_file import LocalFile
from ota_server.files.settings import BucketSettings
from ota_server.files.upload import plan, send

pytestmark = pytest.mark.system

TIMESTAMP = "metadata/timestamp.json"


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


class Publisher:
    """Publishes a repository in memory into folders, each beside the last."""

    def __init__(self, folder):
        self.folder = folder
        self.repository = MemoryRepository()
        self.count = 0
        self.seed = folder.name

    def publish(self):
        self.count += 1
        version = f"1.{self.count}.0"
        image = random.Random(self.seed + version).randbytes(9000)
        self.repository.put(Release(version, rollback_index=2, images=(("rootfs", image),)))
        return self.write(self.folder / str(self.count))

    def write(self, folder):
        for name, content in self.repository.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


@pytest.fixture
def publisher(tmp_path):
    return Publisher(tmp_path / "published")


@pytest.fixture
def bucket(s3, bucket_name):
    return Bucket(
        BucketSettings(bucket_name, "up", s3.endpoint, "us-east-1", insecure_http_endpoint=True)
    )


@pytest.fixture
def objects(s3, bucket_name):
    return client(s3, bucket_name, "up")


def upload(folder, bucket, *, force=False):
    planned = plan(folder, bucket, force=force)
    send(planned, bucket, lambda *_: None)
    return planned


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_all_is_sent_and_then_only_what_is_new(publisher, bucket, objects):
    first = publisher.publish()
    assert len(upload(first, bucket).files) == len(names_in(first))
    assert objects.names() == names_in(first)
    assert all(objects.get(name) == (first / name).read_bytes() for name in names_in(first))
    assert upload(first, bucket).files == ()
    second = publisher.publish()
    sent = {file.name for file in upload(second, bucket).files}
    assert sent == {*names_in(second)} - {*names_in(first)} | {TIMESTAMP}


def test_what_is_named_comes_before_what_names_it(publisher, bucket):
    kinds = [
        "target" if "targets/" in file.name else file.name.rpartition(".json")[0].rpartition(".")[2]
        for file in plan(publisher.publish(), bucket, force=False).files
    ]
    first = [kind for n, kind in enumerate(kinds) if kind not in kinds[:n]]
    assert first[0] == "target"
    assert first[1] == "root"
    assert first[-1] == "metadata/timestamp"
    assert kinds.count("metadata/timestamp") == 1


def test_cut_after_each_file_the_bucket_is_whole_and_the_next_run_sends_the_rest(
    publisher, bucket, objects, tmp_path, monkeypatch
):
    old = publisher.publish()
    upload(old, bucket)
    new = publisher.publish()
    wanted = len(plan(new, bucket, force=False).files)
    put, left = Bucket.put, 0

    def put_some(self, *args):
        nonlocal left
        if not left:
            raise PublishedFolderError("cut")
        left -= 1
        put(self, *args)

    monkeypatch.setattr(Bucket, "put", put_some)
    for number in range(wanted - 1):
        left = 1 if number else 0
        with pytest.raises(PublishedFolderError, match="cut"):
            upload(new, bucket)
        assert len(plan(new, bucket, force=False).files) == wanted - number
        state = tmp_path / f"state-{number}"
        for name in objects.names():
            (state / name).parent.mkdir(parents=True, exist_ok=True)
            (state / name).write_bytes(objects.get(name))
        assert check_complete(PublishedFolder(state)) == check_complete(PublishedFolder(old))
    left = 1
    assert len(upload(new, bucket).files) == 2
    assert objects.get(TIMESTAMP) == (new / TIMESTAMP).read_bytes()


def test_an_upload_that_is_killed_is_resumed(publisher, s3, bucket_name, bucket):
    folder = publisher.publish()
    with bad_network(s3.port, wire=Wire(latency_s=0.2)) as network:
        arguments = (
            *("--bucket", bucket_name, "--prefix", "up", "--endpoint", network.url),
            *("--region", "us-east-1", "--insecure-http-endpoint", "--progress", "--json"),
        )
        with subprocess.Popen(command("upload", folder, *arguments), stderr=subprocess.PIPE) as process:
            assert process.stderr.readline().startswith(b"1/")
            process.kill()
    left = plan(folder, bucket, force=False)
    assert left.kept >= 1
    assert left.files[-1].name == TIMESTAMP
    send(left, bucket, lambda *_: None)
    assert upload(folder, bucket).files == ()


@contextmanager
def reading(url, ask, seen):
    """Follow the timestamp to all it leads to, over and over."""
    stop = threading.Event()

    def signed(name):
        status, _, body = ask(f"/{name}")
        seen.append((name, status))
        return Metadata.from_bytes(body).signed if status == 200 else None

    def follow():
        timestamp = signed(TIMESTAMP)
        snapshot = signed(f"metadata/{timestamp.snapshot_meta.version}.snapshot.json")
        for name, meta in snapshot.meta.items():
            for path, target in signed(f"metadata/{meta.version}.{name}").targets.items():
                folder, _, file = path.rpartition("/")
                for digest in target.hashes.values():
                    target_name = f"targets/{folder}/{digest}.{file}"
                    seen.append((target_name, ask(f"/{target_name}", "HEAD")[0]))

    def run():
        while not stop.is_set():
            follow()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def test_a_reader_never_sees_a_timestamp_whose_files_are_not_there(
    publisher, s3, bucket_name, bucket, tmp_path
):
    upload(publisher.publish(), bucket)
    config = tmp_path / "ota-server.toml"
    config.write_text(settings_table(s3, bucket_name, prefix="up"))
    seen = []
    with running(tmp_path, "--config", config, "--insecure-http", **CREDENTIALS) as server:
        with reading(server.url, server.ask, seen):
            # the server looks at the timestamp once a second
            while len({name for name, _ in seen if "snapshot" in name}) < 4 and publisher.count < 99:
                upload(publisher.publish(), bucket)
        assert {status for _, status in seen} == {200}
        assert publisher.count < 99


@pytest.mark.parametrize("size_bytes", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_the_tag_of_a_file_is_the_stores(tmp_path, bucket, size_bytes):
    name = f"targets/{'0' * 64}.x"
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes(random.Random(size_bytes).randbytes(size_bytes))
    bucket.put(name, path)
    (found,) = bucket.objects("targets")
    with PublishedFolder(tmp_path).open_file(name) as file:
        local = LocalFile.read(name, path, file)
    assert (found.etag.strip('"'), found.size_bytes) == (local.etag, size_bytes)


def test_a_tampered_object_is_mended_and_tampered_metadata_is_told(publisher, bucket, objects):
    folder = publisher.publish()
    upload(folder, bucket)
    data = next(name for name in names_in(folder) if name.endswith(".data"))
    objects.put(data, bytes(len(objects.get(data))))
    assert [file.name for file in upload(folder, bucket).files] == [data]
    assert objects.get(data) == (folder / data).read_bytes()
    snapshot = next(name for name in names_in(folder) if name.endswith(".snapshot.json"))
    objects.put(snapshot, bytes(len(objects.get(snapshot))))
    with pytest.raises(ConflictError, match="another than in the folder"):
        upload(folder, bucket)
    upload(folder, bucket, force=True)
    assert objects.get(snapshot) == (folder / snapshot).read_bytes()


def test_an_older_folder_is_refused_and_another_repository_too(publisher, bucket, objects, tmp_path):
    """A06, A31: devices would take either for an attack."""
    old, new = publisher.publish(), publisher.publish()
    upload(new, bucket)
    with pytest.raises(ConflictError, match="upload the newer folder"):
        upload(old, bucket)
    other = Publisher(tmp_path / "other")
    other.publish()
    stranger = other.publish()
    with pytest.raises(ConflictError, match="another repository"):
        upload(stranger, bucket)
    assert objects.get(TIMESTAMP) == (new / TIMESTAMP).read_bytes()
    upload(old, bucket, force=True)
    assert objects.get(TIMESTAMP) == (old / TIMESTAMP).read_bytes()


def test_of_two_uploads_at_once_one_is_told(publisher, bucket, objects):
    first, second, third = (publisher.publish() for _ in range(3))
    upload(first, bucket)
    slower = plan(second, bucket, force=False)
    upload(third, bucket)
    with pytest.raises(ConflictError, match="someone else"):
        send(slower, bucket, lambda *_: None)
    assert objects.get(TIMESTAMP) == (third / TIMESTAMP).read_bytes()


def test_the_first_timestamp_is_not_sent_over_another(publisher, bucket, objects):
    first, second = publisher.publish(), publisher.publish()
    slower = plan(first, bucket, force=False)
    upload(second, bucket)
    with pytest.raises(ConflictError, match="someone else"):
        send(slower, bucket, lambda *_: None)


def test_an_object_that_vanishes_meanwhile_keeps_the_timestamp_back(publisher, bucket, objects):
    planned = plan(publisher.publish(), bucket, force=False)
    with pytest.raises(PublishedFolderError, match="did not stay"):
        send(
            planned,
            bucket,
            lambda file, number, _: objects.delete(file.name) if number == 2 else None,
        )
    with pytest.raises(NotPublishedError):
        bucket.read_whole(TIMESTAMP, 9999)


def test_a_folder_that_is_not_sound_is_not_sent_at_all(publisher, bucket, objects):
    folder = publisher.publish()
    data = next(name for name in names_in(folder) if name.endswith(".data"))
    content = (folder / data).read_bytes()
    (folder / data).write_bytes(bytes(len(content)))
    with pytest.raises(InvalidError, match="another sha256"):
        upload(folder, bucket)
    (folder / data).unlink()
    with pytest.raises(InvalidError, match="no file"):
        upload(folder, bucket)
    assert objects.names() == []


def test_links_hidden_and_other_files_stay_where_they_are(publisher, bucket, objects, tmp_path):
    folder = publisher.publish()
    published = names_in(folder)
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "metadata/link.json").symlink_to(tmp_path / "secret")
    (folder / "targets/linked").symlink_to(tmp_path)
    (folder / "targets/.half").write_bytes(b"half")
    (folder / "notes.txt").write_bytes(b"notes")
    upload(folder, bucket)
    assert objects.names() == published


def test_the_command_reports_and_a_dry_run_sends_nothing(publisher, s3, bucket_name, objects, tmp_path):
    folder = publisher.publish()
    link = tmp_path / "link"
    link.symlink_to(folder)
    config = tmp_path / "ota-server.toml"
    config.write_text(settings_table(s3, bucket_name, prefix="up"))

    def run(*arguments):
        done = subprocess.run(command("upload", *arguments), capture_output=True, text=True, check=False)
        assert not any(value in done.stdout + done.stderr for value in CREDENTIALS.values())
        return done

    dry = run(link, "--config", config, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.splitlines()[:-1][-1] == TIMESTAMP
    assert "would send" in dry.stdout
    assert objects.names() == []
    real = run(link, "--config", config, "--json", "--progress")
    report = json.loads(real.stdout)
    assert sorted(report["files"]) == names_in(folder) == objects.names()
    assert (report["kept"], report["dry_run"]) == (0, False)
    assert f"{len(report['files'])}/{len(report['files'])} {TIMESTAMP}" in real.stderr
    again = run(link, "--config", config)
    assert (again.returncode, again.stdout) == (
        0,
        f"sent 0 files, 0 bytes; {len(report['files'])} were there already\n",
    )


def test_the_command_says_what_is_missing(publisher, s3, bucket_name, monkeypatch):
    folder = publisher.publish()

    def run(*arguments):
        done = subprocess.run(
            command("upload", folder, *arguments), capture_output=True, text=True, check=False
        )
        assert done.stderr.count("\n") == 1, done.stderr
        return done.returncode, done.stderr

    code, said = run()
    assert code == 2
    assert "--bucket NAME" in said
    code, said = run("--bucket", bucket_name, "--endpoint", s3.endpoint)
    assert code == 2
    assert "insecure_http_endpoint" in said
    at = ("--bucket", "no-such-bucket-here", "--endpoint", s3.endpoint, "--insecure-http-endpoint")
    code, said = run(*at)
    assert code == 1
    assert "NoSuchBucket" in said
