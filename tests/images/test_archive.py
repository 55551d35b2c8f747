"""Tar files are read as Python's tarfile writes them, and nothing else is read at all."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tars import file, folder, hard_link, link, member, tar

from ota_client.errors import PayloadError
from ota_client.images.archive import Archive, Kind

parts = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60
)
names = st.lists(parts.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=6).map(
    "/".join
)
contents = st.binary(max_size=2000)
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def read(data, size=700):
    archive = Archive(data[at : at + size] for at in range(0, len(data), size))
    return [(entry, b"".join(archive.content())) for entry in archive.entries()]


@given(
    members=st.lists(st.tuples(names, contents, st.integers(0, 2**33)), max_size=5),
    form=st.sampled_from(FORMATS[1:]),
    size=st.integers(1, 3000),
)
def test_what_tarfile_writes_is_read_in_pieces_of_any_size(members, form, size):
    data = tar(*(file(name, content, mtime=mtime) for name, content, mtime in members), form=form)
    found = [(entry.name, content, entry.modified_s) for entry, content in read(data, size)]
    assert found == members


@pytest.mark.parametrize("form", FORMATS)
def test_long_names_links_owners_and_large_numbers_are_read(form):
    long = "/".join(["deep"] * 20)
    if form is tarfile.USTAR_FORMAT:
        data = tar(folder("./"), link(long, "t" * 100, uid=7, gid=8), form=form)
        target = "t" * 100
    else:
        data = tar(folder("./"), link(long, "t" * 300, uid=2**31, gid=8), form=form)
        target = "t" * 300
    (top, _), (entry, _) = read(data)
    assert (top.name, top.kind) == ("", Kind.FOLDER)
    assert (entry.name, entry.target, entry.gid, entry.folder) == (long, target, 8, long[:-5])
    assert entry.uid in {7, 2**31}


@given(st.data())
def test_a_damaged_archive_is_one_sentence_or_read_within_its_bytes(data):
    sound = bytearray(tar(folder("a"), file("a/b", b"x" * 600), link("a/c", "b")))
    for _ in range(data.draw(st.integers(1, 4))):
        sound[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(sound[: data.draw(st.integers(0, len(sound)))])
    try:
        found = read(damaged)
    except PayloadError:
        return
    assert sum(len(content) for _, content in found) <= len(sound)


@given(st.binary(max_size=3000))
def test_foreign_bytes_are_no_archive(data):
    if any(data[:512]) or len(data) < 512:
        with pytest.raises(PayloadError, match="tar: expected"):
            read(data)


@pytest.mark.parametrize("name", ["..", "../a", "a/..", "a/../b", "/a", "//a", "a\0b", "x" * 256])
def test_a_name_that_leads_elsewhere_is_refused_by_itself_and_as_a_hard_link(name):
    through_pax = hard_link("a", "b")
    through_pax.pax_headers = {"linkpath": name}
    for evil in (file("a", pax_headers={"path": name}), through_pax):
        with pytest.raises(PayloadError, match="expected a relative name"):
            read(tar(evil, form=tarfile.PAX_FORMAT))


def test_an_archive_that_ends_early_is_refused():
    data = tar(file("a", b"x" * 600))
    for end in (100, 512, 1000, 1536):
        with pytest.raises(PayloadError, match="expected an end of two empty blocks"):
            read(data[:end])


def test_bytes_behind_the_end_are_refused():
    data = bytearray(tar(file("a")))
    data[-1] = 1
    with pytest.raises(PayloadError, match="expected zeros behind the end"):
        read(bytes(data))


@pytest.mark.parametrize(
    "headers",
    [
        {"SCHILY.xattr.security.capability": "x"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
        {"SCHILY.acl.access": "user::rwx"},
    ],
)
def test_what_a_device_would_lose_is_refused(headers):
    with pytest.raises(PayloadError, match="does not keep extended attributes and holes"):
        read(tar(member("a", pax_headers=headers)))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, b"V", b"M"])
def test_unknown_types_are_refused(kind):
    with pytest.raises(PayloadError, match="got type"):
        read(tar(member("a", kind)))


def test_a_global_header_may_have_a_comment_and_no_more():
    def with_global(headers):
        buffer = io.BytesIO()
        with tarfile.open(
            fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers
        ) as archive:
            archive.addfile(member("a"))
        return buffer.getvalue()

    assert read(with_global({"comment": "a commit"}))[0][0].name == "a"
    with pytest.raises(PayloadError, match="expected no 'path'"):
        read(with_global({"path": "evil"}))


@pytest.mark.parametrize(
    "body",
    [b"x", b"5 a=b", b"99 a=b\n", b"7 ab\nxx\n", b"-6 a=b\n", b"0 a=b\n", b" a=b\n"],
)
def test_a_malformed_pax_header_is_refused(body):
    header = member("x", tarfile.XHDTYPE, size=len(body))
    with pytest.raises(PayloadError, match="expected records in a pax header"):
        read(tar((header, body), file("a")))
