"""The bodies' shapes and ``ota_client/protocol.py`` say the same."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client import protocol
from ota_client.formats.strict import canonical_json, is_name, parse_time
from ota_client.formats.version import Version
from ota_server.web import shapes
from ota_server.web.shapes import FieldError, MalformedError, decode

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
V = Version.parse
REPORT = protocol.Report(7, AT, protocol.ReportState.FELL_BACK, V("1.1.0-rc.1"), 5, "boot", "Why: ü.")


def read(shape, value):
    data = value if isinstance(value, bytes) else canonical_json(value)
    return decode(msgspec.json.Decoder(shape), data)


@pytest.mark.parametrize("consent", [None, 3])
def test_a_check_in_comes_over_as_it_was(consent):
    said = protocol.CheckIn(V("1.0.0"), 4, "trial", 2, "a" * 64, consent)
    assert read(shapes.CheckInBody, said.to_fields()).to_check_in() == said


@pytest.mark.parametrize(
    "said", [REPORT, protocol.Report(1, AT, protocol.ReportState.TRIAL, V("1.0.0"))]
)
def test_a_report_comes_over_as_it_was(said):
    assert read(shapes.ReportBody, said.to_fields()).to_report() == said


def test_an_inventory_comes_over_to_the_byte():
    slots = ({"name": "A", "version": None, "booted": True}, {"name": "B", "version": "1.0.0"})
    said = protocol.Inventory({"region": "eu", "floor": -2, "roof": False}, slots).to_fields()
    assert canonical_json(read(shapes.AttributesBody, said).to_document()) == canonical_json(said)


def test_the_answers_are_those_that_a_device_reads():
    assignment = protocol.Assignment(9, V("2.0.0"), consent_wanted=True)
    given = shapes.AssignmentAnswer.of(assignment)
    answer = shapes.CheckInAnswer(300, inventory_wanted=False, assignment=given)
    found = protocol.CheckInAnswer.parse(msgspec.json.decode(msgspec.json.encode(answer)))
    assert found == protocol.CheckInAnswer(assignment, 300, inventory_wanted=False)
    nothing = msgspec.json.encode(shapes.CheckInAnswer(60, inventory_wanted=True))
    assert protocol.CheckInAnswer.parse(msgspec.json.decode(nothing)).assignment is None
    enrolment = msgspec.json.encode(shapes.EnrolmentAnswer.of("cam-1", "PEM\n", AT))
    assert protocol.Enrolment.parse(msgspec.json.decode(enrolment)) == protocol.Enrolment(
        "cam-1", "PEM\n", AT
    )
    assert (
        protocol.parse_accepted(msgspec.json.decode(msgspec.json.encode(shapes.AcceptedAnswer(3)))) == 3
    )


def fits(annotated, text):
    try:
        msgspec.convert(text, annotated)
    except msgspec.ValidationError:
        return False
    return True


SOME = st.text("abz09.-_ A\n\u00e9/", max_size=12) | st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,80}")


@given(SOME)
def test_a_name_is_a_name_on_both_sides(text):
    assert fits(shapes.Name, text) == is_name(text)


@given(SOME | st.from_regex(r"(0|1|01)\.[0-9]{1,3}\.[0-9]{1,40}(-[a-z0-9.-]{0,30})?\n?"))
def test_a_version_is_a_version_on_both_sides(text):
    try:
        expected = str(Version.parse(text)) == text
    except ValueError:
        expected = False
    assert fits(shapes.VersionText, text) == expected


@pytest.mark.parametrize(
    "text", ["2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "0000-01-01T00:00:00Z"]
)
def test_a_time_that_there_is_not_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_time(text)
    one = read(shapes.ReportBody, {**REPORT.to_fields(), "at": text})
    with pytest.raises(FieldError, match="a time that there is"):
        one.to_report()


def test_free_text_is_cleaned_and_never_refused():
    one = read(shapes.ReportBody, {**REPORT.to_fields(), "detail": "a\x1b[2J\u202eb\x00\n"})
    assert one.to_report().detail == "a?[2J?b??"


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("attributes", {"A": 1}, "$.attributes"),
        ("attributes", {"a": "x" * 257}, "$.attributes[...]"),
        ("attributes", {"a": "tab\t"}, "$.attributes[...]"),
        ("attributes", {"a": None}, "$.attributes[...]"),
        ("attributes", {"a": 2**53}, "$.attributes[...]"),
        ("attributes", {str(n): n for n in range(101)}, "$.attributes"),
        ("slots", [{}] * 9, "$.slots"),
        ("slots", [{"name": 1}], "$.slots[0][...]"),
        ("slots", "none", "$.slots"),
    ],
)
def test_a_field_that_is_wrong_is_named_by_its_path(field, value, path):
    with pytest.raises(FieldError) as e:
        read(shapes.AttributesBody, {"attributes": {}, "slots": [], field: value})
    assert e.value.field == path


@pytest.mark.parametrize(
    "body",
    [
        b'{"attributes":{"a":1,"a":2},"slots":[]}',
        b'{"attributes":{},"slots":[],"slots":[]}',
        b'{"attributes":{},"slots":[{"n":1,"\\u006e":1}]}',
    ],
)
def test_a_name_that_comes_twice_is_refused_at_any_depth(body):
    with pytest.raises(FieldError):
        read(shapes.AttributesBody, body)


@given(st.data())
def test_no_spelling_hides_a_name_that_comes_twice(data):
    attributes = data.draw(
        st.dictionaries(
            st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.integers(0, 99) | st.booleans(), min_size=1
        )
    )
    fields = [f'"{name}":{json.dumps(value)}' for name, value in attributes.items()]
    twice = data.draw(st.sampled_from(fields))
    fields.insert(data.draw(st.integers(0, len(fields))), twice)
    blank = data.draw(st.sampled_from(["", " ", "\n"]))
    body = f'{{"attributes":{{{f",{blank}".join(fields)}}},{blank}"slots":[]}}'
    with pytest.raises(FieldError, match="once"):
        read(shapes.AttributesBody, body.encode())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nul", b"\xef\xbb\xbf{}", b"NaN", b'"\xff"', b'{"a":"\\ud800"}', b"{} {}"]
)
def test_what_is_no_json_is_refused(body):
    with pytest.raises((MalformedError, FieldError)):
        read(shapes.AttributesBody, body)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_body_raises_anything_else(body):
    try:
        read(shapes.ReportsBody, body)
    except (MalformedError, FieldError) as e:
        said = str(e)
    else:
        said = ""
    assert said.isprintable()


def test_names_from_outside_do_no_harm_in_an_error():
    with pytest.raises(FieldError) as e:
        read(shapes.RenewBody, b'{"csr": "x", "\\u001b[2J' + b"y" * 9000 + b'": 1}')
    assert str(e.value).isprintable()
    assert len(str(e.value)) < 600
