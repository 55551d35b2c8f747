"""Every parser: what is written reads back the same; anything else is an error of its own kind."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import indexes, manifests, states, versions
from support.attacks import refused

from ota_client.config import DeviceConfig
from ota_client.errors import ConfigError, ManifestError, PayloadError, StateCorruptError
from ota_client.formats.strict import canonical_json, parse_canonical_json, parse_time
from ota_client.formats.version import Version
from ota_client.manifest import ReleaseManifest
from ota_client.payload import Index, runs
from ota_client.state import DeviceState

PARSERS = {
    "manifest": (ReleaseManifest.from_bytes, ManifestError),
    "index": (Index.from_bytes, PayloadError),
    "state": (DeviceState.from_bytes, StateCorruptError),
    "settings": (
        lambda data: DeviceConfig.parse(data.decode(errors="replace"), folder=Path("/etc")),
        ConfigError,
    ),
}
every_parser = pytest.mark.parametrize(("parse", "error"), PARSERS.values(), ids=PARSERS.keys())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
mutations = st.tuples(st.floats(0, 1), st.integers(0, 9), st.binary(max_size=9))


def mutate(data, mutation):
    where, cut, piece = mutation
    start = int(where * len(data))
    return data[:start] + piece + data[start + cut :]


@every_parser
@given(data=st.binary(max_size=400))
@example(data=b"")
def test_arbitrary_bytes_are_refused(parse, error, data):
    with refused(error):
        parse(data)


@pytest.mark.parametrize("name", ["manifest", "state"])
@given(value=json_values)
def test_arbitrary_json_is_refused(name, value):
    parse, error = PARSERS[name]
    with refused(error):
        parse(
            json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
                errors="replace"
            )
        )


@given(manifests)
def test_a_manifest_reads_back(manifest):
    assert ReleaseManifest.from_bytes(manifest.to_bytes()) == manifest


@given(states)
def test_a_state_reads_back(state):
    assert DeviceState.from_bytes(state.to_bytes()) == state


@given(indexes())
def test_an_index_reads_back(index):
    assert Index.from_bytes(index.to_bytes()) == index


@given(versions.filter(lambda version: len(str(version)) <= 64))
def test_a_version_reads_back(version):
    assert Version.parse(str(version)) == version


@given(manifests, mutations)
def test_a_mutated_manifest_reads_back_or_is_refused(manifest, mutation):
    data = mutate(manifest.to_bytes(), mutation)
    try:
        read = ReleaseManifest.from_bytes(data)
    except ManifestError:
        return
    assert read.to_bytes() == data or b'"x-' in data


@given(states, mutations)
def test_a_mutated_state_reads_back_or_is_refused(state, mutation):
    data = mutate(state.to_bytes(), mutation)
    try:
        read = DeviceState.from_bytes(data)
    except StateCorruptError:
        return
    assert read.to_bytes() == data or b'"x-' in data


@given(indexes(), mutations)
def test_a_mutated_index_reads_back_or_is_refused(index, mutation):
    data = mutate(index.to_bytes(), mutation)
    try:
        read = Index.from_bytes(data)
    except PayloadError:
        return
    assert read.to_bytes() == data


@given(indexes())
def test_runs_cover_every_frame_once_and_touch_within(index):
    found = list(runs(index.regions))
    assert [r for run in found for r in run] == [r for r in index.regions if r.frame_bytes]
    for run in found:
        assert run[-1].frame_end - run[0].frame_offset == sum(r.frame_bytes for r in run)


@given(json_values)
def test_canonical_json_reads_back_and_has_one_form(value):
    try:
        data = canonical_json(value)
        read = parse_canonical_json(data, max_bytes=10**6, what="value", error=ManifestError)
    except (ValueError, ManifestError):
        return  # NaN, floats, huge integers and lone surrogates have no form
    assert read == value
    assert canonical_json(read) == data
    for other in (b" " + data, data + b"\n", b"\xef\xbb\xbf" + data):
        with refused(ManifestError):
            parse_canonical_json(other, max_bytes=10**6, what="value", error=ManifestError)


@given(st.text(max_size=30))
def test_a_time_has_one_form(text):
    with pytest.raises(ValueError, match="expected a time such as"):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-1-1T00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:60Z",
        " 2026-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "\u0662026-01-01T00:00:00Z",
        "2026-01-01t00:00:00z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_another_form_of_a_time_is_refused(text):
    with pytest.raises(ValueError, match="expected a time such as"):
        parse_time(text)
