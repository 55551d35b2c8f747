"""The fuzz targets over their seeds and near them, without atheris."""

import fuzz_advisory
import fuzz_archive
import fuzz_autoboot
import fuzz_boot_entry
import fuzz_config
import fuzz_efi
import fuzz_group_query
import fuzz_grub
import fuzz_index
import fuzz_manifest
import fuzz_operator_api
import fuzz_sbom
import fuzz_tpm
import fuzz_uboot
import fuzz_upload_list
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seeds import SEEDS

from ota_client.config import DeviceConfig
from ota_client.manifest import ReleaseManifest
from ota_client.payload import Index

TARGETS = pytest.mark.parametrize(
    "target",
    [
        fuzz_advisory.target,
        fuzz_archive.target,
        fuzz_autoboot.target,
        fuzz_boot_entry.target,
        fuzz_config.target,
        fuzz_efi.target,
        fuzz_group_query.target,
        fuzz_grub.target,
        fuzz_index.target,
        fuzz_manifest.target,
        fuzz_operator_api.target,
        fuzz_sbom.target,
        fuzz_tpm.target,
        fuzz_uboot.target,
        fuzz_upload_list.target,
    ],
)
pieces = st.one_of(
    st.binary(max_size=8), st.sampled_from([b'"', b"{", b"}", b"[", b",", b"\0", b"\\u0000"])
)


@TARGETS
def test_the_seeds_hold(target):
    for seed in SEEDS:
        target(seed)


@pytest.mark.walk(5)
@TARGETS
@given(
    seed=st.sampled_from(SEEDS),
    where=st.floats(0, 1),
    cut=st.integers(0, 12),
    piece=pieces,
)
def test_seeds_that_are_cut_and_mended_hold(target, seed, where, cut, piece):
    start = int(where * len(seed))
    target(seed[:start] + piece + seed[start + cut :])


def test_the_seeds_are_sound(tmp_path):
    assert ReleaseManifest.from_bytes(SEEDS[0]).min_version is None
    assert ReleaseManifest.from_bytes(SEEDS[1]).sbom is not None
    assert len(Index.from_bytes(SEEDS[2]).regions) == 3
    assert len(Index.from_bytes(SEEDS[3]).regions) == 1
    assert DeviceConfig.parse(SEEDS[4].decode(), folder=tmp_path).agent.poll_s == 60
