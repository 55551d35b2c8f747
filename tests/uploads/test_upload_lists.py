"""Lists of files: read strictly, and the same list is the same upload."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.errors import InvalidError
from ota_server.uploads.listing import FILES_MOST, UploadFile, UploadList

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
FILES = st.builds(
    UploadFile,
    st.integers(0, 10**6).map(lambda n: f"targets/gateway/1.0.0/{n}"),
    st.integers(0, 2**50),
    st.integers(0, 2**256 - 1).map(lambda n: f"{n:064x}"),
)


@given(st.binary(max_size=99) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_list_is_refused_in_our_words(data):
    with pytest.raises(InvalidError):
        UploadList.parse(data)


@given(st.lists(FILES, min_size=1, max_size=9, unique_by=(lambda f: f.name, lambda f: f.sha256)))
def test_a_list_is_the_same_in_any_order(files):
    one, other = UploadList.of(files), UploadList.of(reversed(files))
    assert one == other == UploadList.parse(one.to_bytes())
    assert one.id == other.id


def test_more_files_than_a_publication_has_are_refused():
    files = [UploadFile(f"metadata/{n}.x.json", 1, f"{n:064x}") for n in range(FILES_MOST + 1)]
    with pytest.raises(InvalidError, match=str(FILES_MOST)):
        UploadList.of(files)
