import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.web.ranges import Span, UnsatisfiableRangeError, Validators, parse_range

small = st.integers(0, 120)


def answered(header: str, data: bytes) -> bytes | None:
    """None stands for 416."""
    try:
        span = parse_range(header, len(data))
    except UnsatisfiableRangeError:
        return None
    return data if span is None else data[span.start : span.stop]


@given(data=st.binary(max_size=100), first=small, last=small)
def test_first_to_last_is_the_slice(data, first, last):
    got = answered(f"bytes={first}-{last}", data)
    if last < first:
        assert got == data  # malformed: ignored
    else:
        assert got == (data[first : last + 1] or None)


@given(data=st.binary(max_size=100), first=small)
def test_an_open_end_is_the_rest(data, first):
    assert answered(f"bytes={first}-", data) == (data[first:] or None)


@given(data=st.binary(max_size=100), count=small)
def test_a_suffix_is_the_last_bytes(data, count):
    assert answered(f"bytes=-{count}", data) == ((data[-count:] or None) if count else None)


@given(header=st.text(max_size=40) | st.from_regex(r"bytes=[0-9, -]{0,40}", fullmatch=True), size=small)
def test_no_header_makes_a_span_outside_the_file(header, size):
    try:
        span = parse_range(header, size)
    except UnsatisfiableRangeError:
        return
    assert span is None or 0 <= span.start < span.stop <= size


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,4-5", "items=0-1", "bytes=0x0-1",
     "bytes=\u0661-\u0662", "bytes=1", "bytes=5-4", "bytes=0-" + "9" * 5000, "bytes=--5"],
)  # fmt: skip
def test_what_is_not_one_range_is_ignored(header):
    assert parse_range(header, 100) is None


def test_the_units_name_has_no_case():
    assert parse_range("Bytes=0-0", 100) == Span(0, 1)


TAG = Validators('"abc"', 1_700_000_000.75)


@pytest.mark.parametrize("header", ['"abc"', 'W/"abc"', '"x", "abc"', '"x" ,W/"abc"', "*"])
def test_a_known_tag_is_unchanged(header):
    assert TAG.is_unchanged(header, None)


@pytest.mark.parametrize("header", ['"x"', "abc", "", '"abcd"'])
def test_another_tag_is_changed_whatever_the_date_says(header):
    assert not TAG.is_unchanged(header, TAG.last_modified)


def test_dates_are_compared_to_the_second():
    assert TAG.last_modified == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert TAG.is_unchanged(None, "Tue, 14 Nov 2023 22:13:20 GMT")
    assert TAG.is_unchanged(None, "Tue, 14 Nov 2023 22:13:21 GMT")
    assert not TAG.is_unchanged(None, "Tue, 14 Nov 2023 22:13:19 GMT")
    assert not TAG.is_unchanged(None, "yesterday")
    assert not TAG.is_unchanged(None, None)


def test_if_range_wants_the_very_same_file():
    assert TAG.keeps_range(None)
    assert TAG.keeps_range('"abc"')
    assert TAG.keeps_range("Tue, 14 Nov 2023 22:13:20 GMT")
    assert not TAG.keeps_range('W/"abc"')
    assert not TAG.keeps_range("Tue, 14 Nov 2023 22:13:21 GMT")
