import re

import pytest
from pages import REFERENCE, read, rows, section

from ota_server.devices.group_query import parse
from ota_server.devices.query_fields import FIELDS_KNOWN, Field
from ota_server.devices.query_tokens import RESERVED
from ota_server.errors import InvalidError

PAGE = read(REFERENCE / "group-queries.md")
EXAMPLES, REFUSED = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("query", EXAMPLES.splitlines())
def test_every_example_is_a_query_in_its_canonical_form(query):
    assert str(parse(query)) == query


def test_every_field_has_a_row_with_its_operators():
    table = rows(section(PAGE, "## Fields"))[2:]
    shown = {row[0].strip("`"): re.findall(r"`([^`]+)`", row[2]) for row in table}
    assert list(shown) == FIELDS_KNOWN.split(", ")
    for name, operators in shown.items():
        field = Field.named(name.lower())
        assert operators == [operator.value for operator in field.kind.operators]


def test_every_reserved_word_is_named():
    assert all(f"`{word}`" in PAGE for word in RESERVED)


def test_the_refusal_that_is_shown_is_the_real_one():
    with pytest.raises(InvalidError) as caught:
        parse("tag = beta and version < 1.4")
    assert f"{caught.value}\n" == REFUSED
