"""Answers of a TPM are foreign bytes: each is read as it was meant, or refused (A29)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client.counters.tpm_messages import (
    Answer,
    Code,
    command,
    parse_answer,
    parse_public,
    parse_value,
)
from ota_client.errors import CounterError

# as swtpm 0.7.1 sent it for a counter at 0x1500016
PUBLIC = bytes.fromhex("000e01500016000b22060014000000080022000b" + "00" * 32)


def test_a_command_is_as_the_specification_lays_it_out():
    assert command(Code.NV_READ_PUBLIC, (0x1500016,), b"", None).hex() == "80010000000e0000016901500016"
    increment = command(Code.NV_INCREMENT, (0x1500016, 0x1500016), b"", b"pw")
    assert increment.hex() == ("8002000000210000013401500016015000160000000b4000000900000000027077")


def test_a_public_area_is_read():
    public = parse_public(PUBLIC, 0x1500016)
    assert (public.attributes, public.size_bytes) == (0x22060014, 8)


@pytest.mark.parametrize(
    ("data", "authorised"),
    [
        ("", False),
        ("8001000000", False),
        ("80010000000b00000000", False),  # one byte short of its length
        ("80020000000a00000000", False),  # a session that nobody began
        ("80010000000a00000000", True),  # none where there was one
        ("80020000000e0000000000000005", True),  # parameters that are not there
        ("80020000001300000000000000000000010001", True),  # an HMAC that nobody asked for
        ("80010000000b0000018b00", False),  # an error with something behind it
        ("12340000000a0000018b", False),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(data, authorised):
    with pytest.raises(CounterError, match="the TPM or its bus is faulty"):
        parse_answer(bytes.fromhex(data), authorised=authorised)


def test_an_error_is_read_as_its_code():
    assert parse_answer(bytes.fromhex("80010000000a0000018b"), authorised=True) == Answer(0x18B, b"")


@given(data=st.binary(max_size=80), authorised=st.booleans())
def test_any_bytes_are_an_answer_or_refused(data, authorised):
    try:
        answer = parse_answer(data, authorised=authorised)
    except CounterError:
        return
    assert answer.code or data[10:].endswith(answer.parameters) or authorised


@given(cut=st.integers(0, len(PUBLIC)), piece=st.binary(max_size=4))
def test_a_changed_public_area_is_read_or_refused(cut, piece):
    data = PUBLIC[:cut] + piece + PUBLIC[cut + len(piece) :]
    try:
        public = parse_public(data, 0x1500016)
    except CounterError:
        return
    assert 0 <= public.size_bytes < 2**16


@pytest.mark.parametrize("data", ["", "0008", "000700000000000000", "0008000000000000000000"])
def test_a_value_of_another_length_is_refused(data):
    with pytest.raises(CounterError):
        parse_value(bytes.fromhex(data), 8)
