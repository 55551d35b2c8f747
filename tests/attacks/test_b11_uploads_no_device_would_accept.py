"""B11: what is uploaded is served only if a device would accept it, and under names that it asks for."""

import hashlib
from copy import deepcopy
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.forgery import published
from support.memory_repository import PRODUCT, START, MemoryRepository, Release, signer
from support.signing_desk import snapshot_of
from support.upload_server import UPLOADS, UploadServer
from tuf.api.metadata import MetaFile, TargetFile

from ota_server.database.operators_schema import audit_entries
from ota_server.errors import NotPublishedError
from ota_server.uploads.named import state_of


class DictFiles:
    def __init__(self, files):
        self.files = files

    def read_small(self, name, _most_bytes):
        if name not in self.files:
            raise NotPublishedError(name)
        return self.files[name]


def newest(repository):
    """What an honest publisher would list."""
    names = state_of(DictFiles(repository.files)).names
    return {name: repository.files[name] for name in names}


@pytest.fixture
def server(tmp_path):
    server = UploadServer(tmp_path, lambda: START)
    yield server
    server.close()


@pytest.fixture
def admin(server):
    return server.token(name="admin")


@pytest.fixture
def live(server, repository):
    """The sound repository is published; ``repository`` may go on from there."""
    server.put(newest(repository))
    return snapshot_of(server.www.resolve())


def refused(server, token, contents, status=422, **more):
    before = snapshot_of(server.www.resolve())
    got, answer = server.upload(contents, token, **more)
    assert got == status, answer
    assert snapshot_of(server.www.resolve()) == before
    return answer


def test_the_sound_one_is_taken(server, admin, repository, live):
    repository.put(Release("1.2.0", rollback_index=2))
    status, answer = server.upload(newest(repository), admin)
    assert (status, answer["products"]) == (200, [PRODUCT])
    assert live.keys() < snapshot_of(server.www.resolve()).keys()


NAMES = [
    "metadata/../secret.json",
    "../www/metadata/timestamp.json",
    "/metadata/timestamp.json",
    "metadata//timestamp.json",
    "metadata/%2e%2e/x.json",
    "metadata\\timestamp.json",
    "metadata/timestamp.json\x00",
    "metadata/.hidden.json",
    "targets/" + "a/" * 9 + "b",
    "elsewhere/timestamp.json",
    "metadata/" + "a" * 300,
    "metadata",
    "",
]


@pytest.mark.walk(5)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_published_file_can_have_is_refused_at_once(server, admin, live, name):
    listed = [{"name": name, "size_bytes": 1, "sha256": "0" * 64}]
    status, answer = server.begin(listed, admin)
    assert status == 422, answer
    assert list(server.uploads.staging.folder.glob("*/*")) == []


@pytest.mark.parametrize(
    "path",
    [
        f"{UPLOADS}/../../etc/passwd",
        f"{UPLOADS}/{'0' * 64}/files/../../x?offset=0",
        f"{UPLOADS}/{'0' * 63}g/files/{'0' * 64}?offset=0",
        f"{UPLOADS}/{'0' * 64}/files/{'0' * 64}/x?offset=0",
    ],
)
def test_no_address_leads_out_of_the_folder(server, admin, path):
    status, _ = server.ask("PUT", path, b"x", token=admin)
    assert status == 404


def test_what_the_metadata_does_not_name_is_refused(server, admin, repository, live):
    repository.put(Release("1.2.0", rollback_index=2))
    extra = f"targets/{PRODUCT}/9.9.9/{hashlib.sha256(b'x').hexdigest()}.x"
    answer = refused(server, admin, newest(repository) | {extra: b"x"})
    assert "names alone" in answer["detail"]


def test_what_the_metadata_names_must_be_there(server, admin, repository, live):
    repository.put(Release("1.2.0", rollback_index=2))
    contents = newest(repository)
    for name in [name for name in contents if name.endswith(".data") and "1.2.0" in name]:
        del contents[name]
    assert "all that the metadata names" in refused(server, admin, contents)["detail"]


@pytest.mark.parametrize("part", [".index", ".data", "manifest.json"])
def test_another_content_than_was_signed_is_refused(server, admin, repository, live, part):
    repository.put(Release("1.2.0", rollback_index=2, images=(("rootfs", b"new" * 999),)))
    contents = newest(repository)
    name = next(n for n in contents if n.endswith(part) and "1.2.0" in n)
    contents[name] = bytes(len(contents[name]))
    refused(server, admin, contents)


def test_content_that_is_not_what_was_listed_is_thrown_away(server, admin, repository, live):
    repository.put(Release("1.2.0", rollback_index=2))
    contents = newest(repository)
    timestamp = contents["metadata/timestamp.json"]
    listed = [
        {"name": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in contents.items()
    ]
    status, begun = server.begin(listed, admin)
    assert status == 201
    sha256 = hashlib.sha256(timestamp).hexdigest()
    address = f"{UPLOADS}/{begun['id']}/files/{sha256}?offset=0"
    status, answer = server.ask("PUT", address, bytes(len(timestamp)), token=admin)
    assert (status, answer["code"]) == (422, "invalid")
    status, answer = server.ask("PUT", address, timestamp, token=admin)
    assert (status, answer["offset"]) == (200, len(timestamp))


def test_more_than_was_listed_is_refused(server, admin, live):
    listed = [{"name": "metadata/timestamp.json", "size_bytes": 3, "sha256": "0" * 64}]
    _, begun = server.begin(listed, admin)
    address = f"{UPLOADS}/{begun['id']}/files/{'0' * 64}?offset="
    assert server.ask("PUT", f"{address}0", b"four", token=admin)[0] == 422
    assert server.ask("PUT", f"{address}1", b"x", token=admin)[0] == 409
    assert server.ask("PUT", f"{address}-1", b"x", token=admin)[0] == 422
    assert server.ask("PUT", f"{address}{10**15}", b"x", token=admin)[0] == 422


def test_a_huge_upload_is_refused_before_a_byte_came(server, admin, live):
    listed = [{"name": "metadata/timestamp.json", "size_bytes": 2**49, "sha256": "0" * 64}]
    status, answer = server.begin(listed, admin)
    assert (status, answer["code"]) == (409, "upload-full")


def test_the_quota_counts_all_uploads_together(server, admin, live):
    half = 12 * 1024**3
    other = server.token(name="other")
    for number, token, status in ((1, admin, {201, 409}), (2, other, {409})):
        listed = [{"name": f"metadata/{number}.x.json", "size_bytes": half, "sha256": str(number) * 64}]
        assert server.begin(listed, token)[0] in status


def test_the_old_state_is_not_brought_back(server, admin, repository, live):
    old = newest(repository)
    repository.put(Release("1.2.0", rollback_index=2))
    assert server.upload(newest(repository), admin)[0] == 200
    assert "or newer" in refused(server, admin, old)["detail"]


def test_a_second_history_of_the_same_keys_is_refused(server, admin, repository, live):
    other = repository.copy()
    repository.put(Release("1.2.0", rollback_index=2))
    assert server.upload(newest(repository), admin)[0] == 200
    other.put(Release("1.3.0", rollback_index=2))
    refused(server, admin, newest(other), status=409)


def test_another_timestamp_of_the_same_version_is_refused(server, admin, repository, live):
    """Devices that have seen one of them would take the other for it."""
    repository.timestamp.version -= 1
    repository.now += timedelta(hours=1)
    repository.publish_timestamp()
    assert "of another copy" in refused(server, admin, newest(repository))["detail"]


def test_a_size_that_was_not_signed_is_refused(server, admin, repository, live):
    repository.put(Release("1.2.0", rollback_index=2))
    contents = newest(repository)
    name = next(name for name in contents if name.endswith(".data") and "1.2.0" in name)
    contents[name] += b"x"
    assert "bytes, as signed" in refused(server, admin, contents)["detail"]


def test_another_repository_s_root_is_not_trusted(server, admin, live):
    foreign = MemoryRepository()
    for role in ("root", "targets", "snapshot", "timestamp"):
        foreign.replace_key(role, f"foreign {role}")
        foreign.signers[role] = [signer(f"foreign {role}")]
    foreign.root.version = 0
    foreign.publish_root()
    foreign.put(Release("9.0.0", rollback_index=9))
    refused(server, admin, newest(foreign), status=409)
    # the same with the genuine first root, so that no name collides
    foreign.publish()
    contents = newest(foreign) | {"metadata/1.root.json": live["metadata/1.root.json"]}
    assert "a device would refuse it" in refused(server, admin, contents)["detail"]


def test_a_pinned_root_decides_over_the_first_upload(tmp_path, repository):
    root = tmp_path / "root.json"
    foreign = MemoryRepository()
    foreign.replace_key("root", "foreign root")
    foreign.signers["root"] = [signer("foreign root")]
    foreign.root.version = 0
    foreign.publish_root()
    root.write_bytes(foreign.files["metadata/1.root.json"])
    server = UploadServer(tmp_path, lambda: START, root=root)
    status, answer = server.upload(newest(repository), server.token())
    server.close()
    assert (status, answer["code"]) == (422, "upload-refused")
    assert not server.www.exists()


@pytest.mark.walk(2)
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", PRODUCT])
def test_metadata_that_nobody_signed_is_refused(server, admin, repository, live, role):
    repository.signers[role] = [signer("thief")]
    repository.put(Release("1.2.0", rollback_index=2))
    refused(server, admin, newest(repository))


def test_expired_metadata_is_refused(server, admin, repository, live):
    repository.now -= timedelta(days=30)
    repository.put(Release("1.2.0", rollback_index=2))
    answer = refused(server, admin, newest(repository))
    assert "expired" in answer["detail"]


def test_a_channel_with_another_file_than_a_release_is_refused(server, admin, repository, live):
    repository.add(Release("1.2.0", rollback_index=2))
    repository.add_target(f"{PRODUCT}/channels/stable.json", b"{}")
    repository.publish()
    assert "channels" in refused(server, admin, newest(repository))["detail"]


def test_an_index_that_no_device_can_read_is_refused(server, admin, repository, live):
    repository.add(Release("1.2.0", rollback_index=2))
    repository.add_target(f"{PRODUCT}/1.2.0/other.index", b"no index")
    repository.publish()
    assert "payload" in refused(server, admin, newest(repository))["detail"]


def test_files_of_the_top_role_are_refused(server, admin, repository, live):
    data = b"smuggled"
    repository.targets.targets["any/where/x"] = TargetFile.from_data("any/where/x", data, ["sha256"])
    repository.publish()
    refused(server, admin, newest_of(repository))


def test_a_role_that_nobody_delegates_is_refused(server, admin, repository, live):
    repository.snapshot.meta["nobody.json"] = MetaFile(1)
    contents = deepcopy(repository.files)
    contents["metadata/1.nobody.json"] = published(repository, PRODUCT)
    repository.files = contents
    repository.publish()
    assert "nobody" in refused(server, admin, newest_of(repository))["detail"]


def newest_of(repository):
    """All that is not of an older version, for states that ``newest`` would refuse to read."""
    versions = {**repository.versions(), "nobody": 1}
    kept = {f"metadata/{version}.{role}.json" for role, version in versions.items()}
    return {
        name: data
        for name, data in repository.files.items()
        if name in kept or name == "metadata/timestamp.json" or name.startswith("targets/")
    }


class TestScope:
    """Who may publish for what: an admin of every product that changes."""

    @pytest.fixture
    def two(self, server):
        repository = MemoryRepository()
        repository.add_product("camera")
        repository.add(Release("1.0.0"))
        repository.add(Release("1.0.0", product="camera"))
        repository.publish()
        server.put(newest(repository))
        # only what changes gets a new version
        camera = repository.products["camera"]
        repository.products = {PRODUCT: repository.releases}
        repository.publish_targets = lambda: None
        return repository, camera

    def test_an_admin_of_the_product_may(self, server, two):
        repository, _ = two
        repository.put(Release("1.1.0"))
        status, answer = server.upload(newest(repository), server.token(("admin", PRODUCT)))
        assert (status, answer["products"]) == (200, [PRODUCT])

    @pytest.mark.parametrize(
        ("grant", "status"),
        [(("approver", PRODUCT), 403), (("viewer", "*"), 403), (("admin", "camera"), 404)],
    )
    def test_nobody_else_may(self, server, two, grant, status):
        repository, _ = two
        repository.put(Release("1.1.0"))
        refused(server, server.token(grant), newest(repository), status=status)

    def test_nobody_drops_a_product(self, server, two):
        """A device would take it for an attack (A06), and its owner may not even be asked."""
        repository, _ = two
        del repository.snapshot.meta["camera.json"]
        repository.put(Release("1.1.0"))
        for token in (server.token(("admin", PRODUCT)), server.token(name="admin")):
            answer = refused(server, token, newest(repository))
            assert "role camera" in answer["detail"]
            assert "got none" in answer["detail"]

    def test_keys_and_products_are_for_an_admin_of_all(self, server, two):
        repository, camera = two
        del repository.publish_targets
        repository.products["camera"] = camera
        repository.publish_targets()
        repository.publish_snapshot()
        repository.publish_timestamp()
        token = server.token(("admin", PRODUCT), ("admin", "camera"))
        refused(server, token, newest(repository), status=403)

    def test_the_first_publication_is_for_an_admin_of_all(self, tmp_path, repository):
        server = UploadServer(tmp_path, lambda: START)
        status, _ = server.upload(newest(repository), server.token(("admin", PRODUCT)))
        with server.database.read() as connection:
            assert connection.execute(select(audit_entries)).all() == []
        server.close()
        assert status == 403
        assert not server.www.exists()

    def test_an_upload_is_its_owner_s_alone(self, server, admin):
        listed = [{"name": "metadata/timestamp.json", "size_bytes": 1, "sha256": "0" * 64}]
        _, begun = server.begin(listed, admin)
        other = server.token(name="other")
        for method, path in (
            ("PUT", f"{UPLOADS}/{begun['id']}/files/{'0' * 64}?offset=0"),
            ("POST", f"{UPLOADS}/{begun['id']}/commit"),
            ("DELETE", f"{UPLOADS}/{begun['id']}"),
        ):
            assert server.ask(method, path, b"x" if method == "PUT" else b"", token=other)[0] == 404
        assert server.ask("DELETE", f"{UPLOADS}/{begun['id']}", token=admin)[0] == 204


def test_without_a_token_nothing_is_read(server, repository):
    for token in (None, "rat_" + "x" * 43):
        assert server.begin([], token)[0] == 401
    assert not server.uploads.staging.folder.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"files":{}}', b'{"files":[1]}', b'{"files":[]}'])
def test_a_list_that_is_none_is_refused(server, admin, body):
    assert server.ask("POST", UPLOADS, body, token=admin)[0] == 422


def test_a_name_twice_and_a_hash_of_two_sizes_are_refused(server, admin):
    one = {"name": "metadata/timestamp.json", "size_bytes": 1, "sha256": "0" * 64}
    assert server.begin([one, one], admin)[0] == 422
    other = {"name": "metadata/2.x.json", "size_bytes": 2, "sha256": "0" * 64}
    assert server.begin([one, other], admin)[0] == 422


def test_links_planted_among_the_uploads_are_not_followed(server, admin, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    listed = [{"name": "metadata/timestamp.json", "size_bytes": 100, "sha256": "0" * 64}]
    _, begun = server.begin(listed, admin)
    (folder,) = server.uploads.staging._folders()
    (folder / f"{'0' * 64}.part").symlink_to(secret)
    address = f"{UPLOADS}/{begun['id']}/files/{'0' * 64}?offset=0"
    assert server.ask("PUT", address, b"x", token=admin)[0] in {409, 503}
    assert secret.read_bytes() == b"secret"
