import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.errors import NotPublishedError, PublishedFolderError
from ota_server.files.folder import PublishedFolder
from ota_server.files.name import is_immutable, parts_of

HASH = "0" * 64


def content(folder, name):
    with folder.open_file(name) as file:
        return file.read_now(0, file.size_bytes or 1)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "published" / "metadata").mkdir(parents=True)
    (tmp_path / "published" / "metadata" / "timestamp.json").write_bytes(b"{}")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").write_bytes(b"secret")
    return tmp_path / "published"


def test_a_published_file_is_opened(root):
    assert content(PublishedFolder(root), "metadata/timestamp.json") == b"{}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "metadata",
        "metadata/",
        "metadata//timestamp.json",
        "/metadata/timestamp.json",
        "metadata/../metadata/timestamp.json",
        "metadata/./timestamp.json",
        "./metadata/timestamp.json",
        "metadata/..",
        "../outside/key",
        "targets/../../outside/key",
        "other/timestamp.json",
        "secret.txt",
        "metadata/timestamp.json/",
        "metadata/timestamp.json\0",
        "metadata\\timestamp.json",
        "metadata/%74imestamp.json",
        "metadata/.timestamp.json",
        "metadata/timestamp.json?x",
        "metadata/\n",
        "METADATA/timestamp.json",
        "metadata/" + "a" * 256,
        "metadata/" + "a/" * 600 + "b",
        "metadata/\u00e9",
    ],
)
def test_a_name_of_another_form_is_not_published(root, name):
    with pytest.raises(NotPublishedError):
        PublishedFolder(root).open_file(name)


@given(st.text(st.sampled_from("ab./\\%\0-_~: "), max_size=30) | st.text(max_size=30))
def test_no_allowed_name_can_climb(text):
    for name in (text, f"metadata/{text}", f"targets/{text}"):
        try:
            parts = parts_of(name)
        except NotPublishedError:
            continue
        assert "/".join(parts) == name == os.path.normpath(name)
        assert parts[0] in {"metadata", "targets"}
        assert not any(part.startswith(".") for part in parts)


def test_links_inside_are_not_followed(root):
    (root / "metadata" / "link.json").symlink_to(root / "metadata" / "timestamp.json")
    (root / "metadata" / "key").symlink_to("../../outside/key")
    (root / "targets").symlink_to("../outside")
    folder = PublishedFolder(root)
    for name in ("metadata/link.json", "metadata/key", "targets/key"):
        with pytest.raises(NotPublishedError):
            folder.open_file(name)


def test_what_is_no_file_is_not_published(root):
    os.mkfifo(root / "metadata" / "pipe")
    (root / "metadata" / "folder").mkdir()
    for name in ("metadata/pipe", "metadata/folder", "metadata/timestamp.json/x"):
        with pytest.raises(NotPublishedError):
            PublishedFolder(root).open_file(name)


def test_a_folder_that_is_not_there_is_another_error(tmp_path):
    with pytest.raises(PublishedFolderError, match="No such file"):
        PublishedFolder(tmp_path / "none").open_file("metadata/timestamp.json")


def test_no_file_descriptor_is_left_open(root):
    folder = PublishedFolder(root)
    (root / "metadata" / "folder").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        content(folder, "metadata/timestamp.json")
        for name in ("metadata/no", "metadata/folder", "no/no"):
            with pytest.raises(NotPublishedError):
                folder.open_file(name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_tags_follow_the_content(root):
    folder = PublishedFolder(root)
    path = root / "metadata" / "timestamp.json"
    tags = []
    for data in (b"{}", b"[]", b"{}"):
        new = path.with_suffix(".new")
        new.write_bytes(data)
        new.replace(path)
        with folder.open_file("metadata/timestamp.json") as file:
            tags.append(file.tag)
    assert tags == [hashlib.sha256(data).hexdigest() for data in (b"{}", b"[]", b"{}")]
    named = root / "targets" / f"{HASH}.x"
    named.parent.mkdir()
    named.write_bytes(b"")
    with folder.open_file(f"targets/{HASH}.x") as file:
        assert file.tag == HASH


def test_an_open_file_survives_the_swap_and_a_new_one_is_of_the_new_folder(tmp_path):
    for number in ("1", "2"):
        folder = tmp_path / number / "metadata"
        folder.mkdir(parents=True)
        (folder / "timestamp.json").write_text(number)
    link = tmp_path / "published"
    link.symlink_to("1")
    published = PublishedFolder(link)
    with published.open_file("metadata/timestamp.json") as file:
        (tmp_path / "new").symlink_to("2")
        (tmp_path / "new").replace(link)
        (tmp_path / "1" / "metadata" / "timestamp.json").unlink()
        assert file.read_now(0, 9) == b"1"
    assert content(published, "metadata/timestamp.json") == b"2"


def test_a_swap_between_opening_the_folder_and_the_file_is_not_an_absence(tmp_path, monkeypatch):
    for number in ("1", "2"):
        (tmp_path / number / "metadata").mkdir(parents=True)
    (tmp_path / "2" / "metadata" / "timestamp.json").write_text("2")
    link = tmp_path / "published"
    link.symlink_to("1")
    dup = os.dup

    def swap_meanwhile(fd):
        if link.readlink().name == "1":
            (tmp_path / "new").symlink_to("2")
            (tmp_path / "new").replace(link)
        return dup(fd)

    monkeypatch.setattr(os, "dup", swap_meanwhile)
    assert content(PublishedFolder(link), "metadata/timestamp.json") == b"2"


def test_a_file_cut_short_while_it_is_read_is_an_error(root):
    with PublishedFolder(root).open_file("metadata/timestamp.json") as file:
        os.truncate(root / "metadata" / "timestamp.json", 0)
        with pytest.raises(PublishedFolderError, match="ended at 0 of 2"):
            file.read_now(0, 2)


@pytest.mark.parametrize(
    ("name", "immutable"),
    [
        ("metadata/1.root.json", True),
        ("metadata/120.gateway.json", True),
        ("metadata/timestamp.json", False),
        ("metadata/root.json", False),
        ("metadata/0.root.json", False),
        (f"targets/p/1.0.0/{HASH}.manifest.json", True),
        ("targets/p/1.0.0/manifest.json", False),
        ("targets/1.x", False),
    ],
)
def test_only_names_that_hold_hash_or_version_are_immutable(name, immutable):
    assert is_immutable(name) is immutable
