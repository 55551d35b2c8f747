"""SemVer 2.0.0, section 11: what is older than what."""

from itertools import pairwise

import pytest
from hypothesis import given
from strategies import versions

from ota_client.formats.version import Version

IN_ORDER = [
    "0.0.0",
    "0.9.0",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
]


def test_the_specifications_own_order():
    assert all(a < b for a, b in pairwise(map(Version.parse, IN_ORDER)))


@given(versions, versions, versions)
def test_versions_are_in_one_order(a, b, c):
    assert (a < b) + (a == b) + (a > b) == 1
    assert not (a < b < c) or a < c


@given(versions)
def test_a_pre_release_comes_before_its_release(version):
    release = Version(version.major, version.minor, version.patch)
    assert (version < release) == bool(version.pre_release)


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "1.0",
        "1.0.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0+build",
        "v1.0.0",
        "1.0.0-RC.1",
        "-1.0.0",
        "1.0.0-a..b",
        "1.0.0 ",
        "\u0661.0.0",
        "1.0.0\n",
        "1.0." + "9" * 64,
    ],
)
def test_what_is_no_version_is_told(text):
    with pytest.raises(ValueError, match="expected a version such as"):
        Version.parse(text)
