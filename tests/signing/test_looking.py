"""``verify`` and ``inspect``: what a stranger can learn from the files."""

import pytest
from support.signing_desk import PRODUCT

from ota_client.errors import (
    ConfigError,
    HttpStatusError,
    MetadataError,
    PayloadError,
    ResponseTooLongError,
    VerificationError,
)
from ota_client.network.directory import DirectoryFetcher
from signing.inspection import inspect
from signing.payload_encoder import SMALL_IMAGE_BYTES
from signing.verify import open_location, verify_repository


def verify(desk, root=None, **more):
    pinned = root or (desk.published / "metadata/1.root.json").read_bytes()
    with open_location(str(desk.published)) as (fetcher, base_url):
        return verify_repository(fetcher, base_url, pinned_root=pinned, now=desk.now, **more)


def test_a_good_repository_is_reported_by_product(desk):
    desk.release("1.0.0")
    (report,) = verify(desk)
    assert report.product == PRODUCT
    assert {name: str(v) for name, v in report.channels.items()} == {"stable": "1.0.0"}
    assert report.payload_bytes == 0


def test_deep_decodes_every_payload(desk):
    desk.release("1.0.0", content=bytes(SMALL_IMAGE_BYTES) + b"x" * 99)
    desk.release("1.1.0", content=bytes(300_000))
    told = []
    (report,) = verify(desk, deep=True, progress=lambda *now: told.append(now))
    assert report.payload_bytes > 0
    assert told[-1][0] == told[-1][1] == report.payload_bytes


def test_a_rotten_payload_is_found_by_deep_only(desk):
    desk.release("1.0.0", content=b"firmware" * 99)
    data = next(desk.published.resolve().rglob("*.rootfs.data"))
    data.write_bytes(bytes(data.stat().st_size))
    verify(desk)
    with pytest.raises(PayloadError):
        verify(desk, deep=True)


def test_another_root_is_refused(desk, tmp_path):
    from support.signing_desk import SigningDesk

    desk.release("1.0.0")
    other = SigningDesk(tmp_path / "other")
    other.release("1.0.0")
    foreign = (other.published / "metadata/1.root.json").read_bytes()
    with pytest.raises(VerificationError):
        verify(desk, foreign)


def test_a_file_that_is_no_root_is_refused(desk):
    desk.release("1.0.0")
    with pytest.raises(MetadataError):
        verify(desk, b"hello")


def test_a_folder_without_a_repository_is_one_sentence(tmp_path):
    with pytest.raises(HttpStatusError, match=r"timestamp\.json"), open_location(str(tmp_path)) as where:
        verify_repository(*where, pinned_root=b"", now=None)


class TestDirectoryFetcher:
    @pytest.fixture
    def fetcher(self, tmp_path):
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree/file").write_bytes(b"0123456789")
        (tmp_path / "secret").write_bytes(b"secret")
        (tmp_path / "tree/link").symlink_to("../secret")
        return DirectoryFetcher(tmp_path / "tree")

    @pytest.mark.parametrize("name", ["../secret", "%2e%2e/secret", "link", "none", "", "file/x"])
    def test_nothing_outside_is_served(self, fetcher, name):
        with pytest.raises(HttpStatusError) as caught:
            fetcher.get(fetcher.base_url + name, max_bytes=99)
        assert caught.value.status == 404

    def test_another_address_is_not_served(self, fetcher):
        with pytest.raises(HttpStatusError):
            fetcher.get("file:///etc/passwd", max_bytes=9999)

    def test_a_file_that_is_too_long_is_refused(self, fetcher):
        assert fetcher.get(fetcher.base_url + "file", max_bytes=10) == b"0123456789"
        with pytest.raises(ResponseTooLongError):
            fetcher.get(fetcher.base_url + "file", max_bytes=9)

    def test_a_range_is_read_in_pieces(self, fetcher):
        with fetcher.open_range(fetcher.base_url + "file", start=2, stop=7) as body:
            assert (body.read(2), body.read(3)) == (b"23", b"456")

    def test_a_range_past_the_end_is_refused(self, fetcher):
        with (
            pytest.raises(HttpStatusError),
            fetcher.open_range(fetcher.base_url + "file", start=2, stop=11),
        ):
            pass


class TestInspect:
    def test_every_file_of_a_repository_is_known(self, desk):
        desk.release("1.0.0")
        kinds = {}
        for path in desk.published.resolve().rglob("*"):
            if path.is_file() and path.suffix != ".data":
                kinds[path.name.split(".", 1)[1]] = inspect(path).kind
        assert kinds == {
            "root.json": "root metadata",
            "targets.json": "targets metadata",
            "snapshot.json": "snapshot metadata",
            "json": "timestamp metadata",
            f"{PRODUCT}.json": "targets metadata",
            "manifest.json": "release manifest",
            "stable.json": "release manifest",
            "rootfs.index": "payload index",
        }
        assert inspect(desk.repository.folder / "keys/root.pub.json").kind == "public key"

    @pytest.mark.parametrize("content", [b"", b"hello", b"[]", b"{}", b"RTCHidx1", b"\xff" * 9, b'"x"'])
    def test_anything_else_is_one_sentence(self, tmp_path, content):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(ConfigError, match="expected metadata, a manifest"):
            inspect(tmp_path / "file")

    def test_a_missing_file_is_one_sentence(self, tmp_path):
        with pytest.raises(ConfigError, match="No such file"):
            inspect(tmp_path / "none")
