"""Small files, each one thing: docs/adr/0009-structure.md."""

from statistics import median

import pytest
from source_tree import PACKAGES, ROOT, sources


def lines(path):
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("folder", [*PACKAGES, "tests"])
def test_the_median_file_has_at_most_150_lines(folder):
    assert median(map(lines, sources(folder))) <= 150


def test_no_file_has_more_than_400_lines():
    assert {str(path): n for path in sources(*PACKAGES, "tests") if (n := lines(path)) > 400} == {}
