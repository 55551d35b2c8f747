"""A29, A34: tar images that would fill memory, disk or time."""

import itertools
import tarfile
import tracemalloc

import pytest
from support.tars import file, member, tar

from ota_client.errors import PayloadError
from ota_client.images.archive import Archive
from ota_client.images.files import Rules, checked

MEBIBYTE = 1024 * 1024


def test_a29_an_extended_header_of_a_gigabyte_is_refused_unread():
    start = member("x", tarfile.XHDTYPE, size=1024 * MEBIBYTE).tobuf()
    pieces = itertools.chain([start], itertools.repeat(b"9" * MEBIBYTE))
    tracemalloc.start()
    with pytest.raises(PayloadError, match="expected an extended header of at most"):
        list(Archive(pieces).entries())
    assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
    tracemalloc.stop()


def test_a34_more_bytes_than_the_slot_has_are_refused_before_they_are_written():
    rules = Rules(bytes_most=1000)
    with pytest.raises(PayloadError, match=r"at most .* and 1000 bytes, got more"):
        list(checked(Archive(iter([tar(file("a", bytes(600)), file("b", bytes(600)))])), rules))


def test_a34_more_files_than_a_device_takes_are_refused():
    archive = tar(*(file(str(number), b"") for number in range(4)))
    with pytest.raises(PayloadError, match="at most 3 files"):
        list(checked(Archive(iter([archive])), Rules(files_most=3)))


def test_a34_an_endless_row_of_headers_ends_with_the_bytes_of_the_image():
    name = tar(member("x" * 200), form=tarfile.GNU_FORMAT)[:1024]
    with pytest.raises(PayloadError, match="expected an end of two empty blocks"):
        list(Archive(iter([name] * 1000)).entries())


@pytest.mark.parametrize("size", [-1, 2**60])
def test_a29_a_size_that_cannot_be_is_refused(size):
    block = member("a", size=size).tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(PayloadError, match="as size"):
        list(Archive(iter([block])).entries())
