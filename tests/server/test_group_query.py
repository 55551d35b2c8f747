import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_client.formats.version import Version
from ota_client.recovery import Phase
from ota_server.devices.group_query import DeviceFacts, Query, parse
from ota_server.devices.query_conditions import All, And, Comparison, Condition, Not, Or
from ota_server.devices.query_fields import Field, FieldKind, Operator
from ota_server.errors import InvalidError

DEVICE = DeviceFacts(
    "cam-0042",
    "camera",
    "cam-v2",
    Version.parse("1.3.9"),
    4,
    "idle",
    ("beta", "lab"),
    {"region": "eu", "memory_mib": 512, "outdoor": True, "kernel": "6.1.0", "room": "hall 3"},
)
UNSEEN = DeviceFacts("cam-0001", "camera", "cam-v1")

HOLDS = [
    "all",
    "device_id = cam-0042",
    "device_id != cam-0001",
    'device_id ~ "cam-00*"',
    "device_id ~ cam-00?2",
    'device_id ~ "cam-00[34]2"',
    "device_id in (cam-0001, cam-0042)",
    "product = camera",
    "hardware_id = cam-v2",
    "version < 1.4.0",
    "version<1.4.0",
    "version > 1.3.9-rc.1",
    "version <= 1.3.9 and version >= 1.3.9",
    "version = 1.3.9",
    "version ~ 1.3.*",
    "version in (1.3.8, 1.3.9)",
    "version != 1.3.8",
    "rollback_index = 4",
    "rollback_index < 10",
    "rollback_index in (3, 4)",
    "phase = idle",
    "phase in (idle, trial)",
    "tag = beta and tag = lab",
    "tag in (gamma, lab)",
    "tag ~ be*",
    "tag != gamma",
    "attribute.region = eu",
    "attribute.region in (eu, us)",
    "attribute.region ~ e*",
    "attribute.region != us",
    "attribute.memory_mib = 512",
    "attribute.memory_mib > 99",
    "attribute.memory_mib <= 512",
    "attribute.outdoor = true",
    "attribute.kernel < 6.10.0",
    'attribute.room = "hall 3"',
    "not version < 1.0.0",
    "not not all",
    "version > 9.0.0 or tag = beta and phase = idle",
    "(version > 9.0.0 or tag = beta) and phase = idle",
    "hardware_id = cam-v2 and version < 1.4.0 and (tag = beta or attribute.region in (eu, us))",
]
FAILS = [
    "not all",
    "device_id = cam-0001",
    "device_id ~ cam",
    "version > 1.3.9",
    "version >= 1.4.0-rc.1",
    "version != 1.3.9",
    "rollback_index > 4",
    "rollback_index != 4",
    "tag = gamma",
    "tag != beta",
    "tag ~ b",
    "attribute.region = EU",
    "attribute.colour = red",
    "attribute.colour != red",
    "attribute.colour < 1",
    # a text is no number, a number no version, a flag neither
    "attribute.region < 5",
    "attribute.memory_mib < 9999.0.0",
    "attribute.outdoor < 5",
    "attribute.outdoor != true",
    "attribute.region < 1.0.0",
    "version > 9.0.0 and tag = beta or phase = trial",
]


@pytest.mark.parametrize("query", HOLDS)
def test_a_query_finds_a_device(query):
    assert parse(query).matches(DEVICE)


@pytest.mark.parametrize("query", FAILS)
def test_a_query_passes_over_a_device(query):
    assert not parse(query).matches(DEVICE)


@pytest.mark.parametrize(
    "query",
    [
        "version < 1.0.0",
        "version != 1.0.0",
        "version ~ *",
        "rollback_index >= 0",
        "rollback_index != 7",
        "phase != idle",
        "tag = beta",
        "attribute.region != eu",
    ],
)
def test_what_a_device_has_not_said_yet_is_not_compared(query):
    assert not parse(query).matches(UNSEEN)
    assert parse(f"not {query}").matches(UNSEEN)


def test_a_device_without_tags_has_none_of_them():
    assert parse("tag != beta").matches(UNSEEN)


@pytest.mark.parametrize(
    ("query", "column", "expected"),
    [
        ("", 1, "a field"),
        ("colour = red", 1, "attribute.NAME"),
        ('"tag" = beta', 1, "a field"),
        ("attribute. = 1", 1, "a field"),
        ("attribute.Region = eu", 1, "a field"),
        ("tag", 4, "one of = != in ~"),
        ("tag < beta", 5, "one of = != in ~"),
        ("phase ~ idle", 7, "one of = != in,"),
        ("rollback_index ~ 1", 16, "one of ="),
        ("tag = ", 7, "a value"),
        ("tag = and", 7, "in quotes"),
        ("tag = (beta)", 7, "a value"),
        ("tag = Beta", 7, "a name of"),
        ("version < 1.4", 11, "a version such as"),
        ("rollback_index = 1.5", 18, "a whole number"),
        ("rollback_index = 99999999999999999999", 18, "a whole number"),
        ("phase = asleep", 9, "idle, installed, trial"),
        ("attribute.kernel < new", 20, "a whole number or a version"),
        ("tag in beta", 8, "'('"),
        ("tag in ()", 9, "a value"),
        ("tag in (beta, )", 15, "a value"),
        ("tag in (beta lab)", 14, "')'"),
        ("(tag = beta", 12, "')'"),
        ("tag = beta)", 11, "'and', 'or' or the end"),
        ("tag = beta AND tag = lab", 12, "'and', 'or' or the end"),
        ("tag = beta and", 15, "a field"),
        ("tag = beta & tag = lab", 12, "a word, a sign or a quoted text"),
        ('attribute.room = "hall', 18, "ends in a quote"),
        ('attribute.room = "a\\n"', 18, "ends in a quote"),
        ('attribute.room = "a\x1bb"', 18, "printable"),
        ('attribute.room = "\ud800"', 18, "printable"),
        ("tag = beta\0", 11, "a word"),
        ("not " * 21 + "all", 81, "at most 20 levels"),
        ("(" * 500, 21, "at most 20 levels"),
    ],
)
def test_what_is_no_query_is_refused_in_one_sentence_with_its_column(query, column, expected):
    with pytest.raises(InvalidError) as caught:
        parse(query)
    sentence = str(caught.value)
    assert sentence.startswith(f"group query, column {column}: expected ")
    assert expected in sentence
    assert "\n" not in sentence
    assert sentence.isprintable()


def test_a_query_has_a_longest_length_in_both_its_forms():
    part = "tag = beta or "
    assert parse(part * 140 + "all")
    with pytest.raises(InvalidError, match="at most 2000 characters, got 2103"):
        parse(part * 150 + "all")
    with pytest.raises(InvalidError, match="one blank around each word"):
        parse("tag=beta or " * 160 + "all")


def test_the_canonical_form_has_no_needless_parentheses():
    query = '((tag=beta)or((phase = idle and all)))and not(not (tag in("beta","and")))'
    assert str(parse(query)) == '(tag = beta or phase = idle and all) and not not tag in (beta, "and")'


def test_a_query_that_is_read_again_is_the_same_object():
    assert parse("tag = beta") is parse("tag = beta")


def test_a_query_says_whether_it_needs_the_inventory():
    assert parse("not (tag = beta or attribute.region = eu)").asks_attributes
    assert not parse("tag = attribute.region or version < 1.0.0").asks_attributes


def test_a_hostile_pattern_costs_little():
    pattern = "*a" * 100 + "*b"
    facts = DeviceFacts("a" * 64, "camera", "cam-v2", attributes={"x": "a" * 256})
    assert not parse(f'device_id ~ "{pattern}" or attribute.x ~ "{pattern}"').matches(facts)


NAMES = st.text(string.ascii_lowercase + string.digits + "_-", min_size=1, max_size=12).filter(
    lambda text: text[0] not in "_-"
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12).filter(str.isprintable)
NUMBERS = st.integers(-(2**40), 2**40)
VERSIONS = st.builds(
    Version,
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from([(), ("rc", "1"), ("7",)]),
)
FIELDS = st.one_of(
    st.sampled_from(
        ["device_id", "product", "hardware_id", "version", "rollback_index", "phase", "tag"]
    ),
    NAMES.map("attribute.{}".format),
).map(Field.named)


def _operands(field: Field, operator: Operator):
    if operator is Operator.LIKE:
        return TEXTS
    match field.kind:
        case FieldKind.VERSION:
            return VERSIONS
        case FieldKind.NUMBER:
            return NUMBERS
        case FieldKind.PHASE:
            return st.sampled_from([phase.value for phase in Phase])
        case FieldKind.ATTRIBUTE:
            return NUMBERS | VERSIONS if operator.is_order else TEXTS
    return NAMES


@st.composite
def comparisons(draw) -> Comparison:
    field = draw(FIELDS)
    operator = draw(st.sampled_from(field.kind.operators))
    most = 3 if operator is Operator.IN else 1
    operands = draw(st.lists(_operands(field, operator), min_size=1, max_size=most))
    return Comparison(field, operator, tuple(operands))


def _joined(kind: type[And | Or], parts: list[Condition]) -> Condition:
    flat = [p for part in parts for p in (part.parts if isinstance(part, kind) else (part,))]
    return kind(tuple(flat))


def _deeper(inner):
    parts = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        inner.map(Not),
        parts.map(lambda found: _joined(And, found)),
        parts.map(lambda found: _joined(Or, found)),
    )


CONDITIONS = st.recursive(st.just(All()) | comparisons(), _deeper, max_leaves=8)


@given(CONDITIONS)
def test_every_query_reads_as_it_is_written(condition):
    text = str(condition)
    query = parse(text)
    assert query == Query(condition, query.asks_attributes)
    assert str(query) == text


FACTS = st.builds(
    DeviceFacts,
    NAMES,
    NAMES,
    NAMES,
    st.none() | VERSIONS,
    st.none() | NUMBERS,
    st.none() | st.sampled_from([phase.value for phase in Phase]),
    st.lists(NAMES, max_size=3).map(tuple),
    st.dictionaries(NAMES, TEXTS | NUMBERS | st.booleans(), max_size=3),
)


@given(CONDITIONS, CONDITIONS, FACTS)
def test_a_query_answers_for_every_device_and_obeys_logic(one, other, facts):
    first, second = parse(str(one)).matches(facts), parse(str(other)).matches(facts)
    assert parse(f"not ({one})").matches(facts) is not first
    assert parse(f"({one}) and ({other})").matches(facts) is (first and second)
    assert parse(f"({one}) or ({other})").matches(facts) is (first or second)
    both = f"not ((not ({one})) or (not ({other})))"
    assert parse(both).matches(facts) is (first and second)


WORDS = (
    *("and", "or", "not", "in", "all", "(", ")", ",", "=", "!=", "<", "<=", ">", ">=", "~", '"', "\\"),
    *("tag", "version", "attribute.a", "device_id", "1.0.0", "5", "beta", '"x y"'),
)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_any_words_are_a_query_that_reads_as_it_is_written_or_an_error(text):
    with suppress(InvalidError):
        assert parse(str(parse(text))) == parse(text)
