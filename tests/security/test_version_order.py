import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.security.vers import read
from ota_server.security.versions import Interval, compare, is_inside

IN_ORDER = [
    ("generic", "1.1.1-alpha1 1.1.1-rc1 1.1.1 1.1.1a 1.1.1w 1.1.2 1.10 3.0.2"),
    ("generic", "1.36.0-rc1 1.36 1.36.1 v2"),
    ("pypi", "1.0.dev1 1.0a1 1.0rc1 1.0 1.0.post1 1!0.1"),
    ("npm", "1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0 1.0.1"),
    ("golang", "0.9.0 v1.0.0-rc1 v1.0.0 1.0.1"),
    ("deb", "1.0~rc1-1 1.0-1 1.0-1+deb12u1 1.0-2 1:0.5-1"),
    ("rpm", "1.0~rc1-1 1.0-1.el9 1.0-2.el9 1:0.1-1"),
    ("apk", "1.1.1a_alpha1-r0 1.1.1w-r0 1.1.1w-r1 3.0.0-r0"),
    ("maven", "1.0-alpha-1 1.0-SNAPSHOT 1.0 1.0.1"),
]


@pytest.mark.parametrize(("kind", "versions"), IN_ORDER)
def test_versions_are_in_their_ecosystem_s_order(kind, versions):
    listed = versions.split()
    for place, one in enumerate(listed):
        for other_place, other in enumerate(listed):
            assert compare(kind, one, other) == (place > other_place) - (place < other_place)


def test_spellings_of_one_version_are_equal():
    for kind, one, other in (
        ("generic", "1.2", "v1.2.0"),
        ("generic", "1.2-rc1", "1.2.0-rc.1"),
        ("pypi", "1.0", "1.0.0"),
    ):
        assert compare(kind, one, other) == 0, (one, other)


@pytest.mark.parametrize(("kind", "text"), [("pypi", "main-abc"), ("generic", "git"), ("maven", "")])
def test_what_has_no_order_is_not_compared(kind, text):
    assert compare(kind, text, "1.0") in {None, -1}
    assert compare("pypi", "main", "1.0") is None


def test_a_doubt_decides_as_the_caller_says():
    interval = Interval("1.0", "2.0")
    assert is_inside("generic", "unknown", interval, in_doubt=True)
    assert not is_inside("generic", "unknown", interval, in_doubt=False)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("vers:pypi/>=1.0|<2.0", ["1.0", "1.9"], ["0.9", "2.0"]),
        ("vers:pypi/>1.0|<=2.0", ["1.1", "2.0"], ["1.0", "2.1"]),
        ("vers:pypi/<2.0|>=3.0|<4.0", ["1.0", "3.5"], ["2.0", "4.0"]),
        ("vers:pypi/>=3.0", ["3.0", "99"], ["2.9"]),
        ("vers:pypi/1.0|>=2.0|<3.0", ["1.0", "2.5"], ["1.1"]),
        ("vers:pypi/%3E%3D1.0%7C%3C2.0", ["1.5"], ["2.0"]),
        # beside vers, as CSAF files have it
        ("<4.2", ["4.1"], ["4.2"]),
        (">= 1.0, < 2.0", ["1.0"], ["2.0"]),
        ("<=2.1.3 >1.0", ["2.1.3"], ["1.0"]),
    ],
)
def test_ranges_hold_what_they_say(text, inside, outside):
    single, intervals = read(text, "pypi")

    def holds(version):
        return version in single or any(
            is_inside("pypi", version, interval, in_doubt=False) for interval in intervals
        )

    assert all(map(holds, inside))
    assert not any(map(holds, outside))


@pytest.mark.parametrize(
    "text", ["", "vers:pypi/", "vers:pypi/*", "all before spring", "!=1.0", "<main"]
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        read(text, "pypi")


texts = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"[0-9a-z.:~+-]{0,12}", fullmatch=True),
    st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,3}", fullmatch=True),
)
kinds = st.sampled_from(sorted({kind for kind, _ in IN_ORDER} | {"gem", "nuget", "composer", "conan"}))


@given(kind=kinds, one=texts, other=texts)
def test_two_versions_are_in_one_order_whoever_comes_first(kind, one, other):
    first, second = compare(kind, one, other), compare(kind, other, one)
    assert (first is None) == (second is None)


@given(one=texts, other=texts, third=texts)
def test_our_own_order_is_one(one, other, third):
    found = [compare("generic", *pair) for pair in ((one, other), (other, third), (one, third))]
    if None not in found and found[0] <= 0 and found[1] <= 0:
        assert found[2] <= 0
