"""A27: path tricks wherever a name enters."""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attacks import refused, refuses, unmoved
from support.memory_repository import PRODUCT, MemoryRepository, Release
from support.simulated import make_config
from tuf.api.metadata import DelegatedRole, Delegations, TargetFile, Targets

from ota_client import ConfigError, DeviceConfig, Version, trust
from ota_client.errors import ManifestError, MetadataError, UnknownReleaseError
from ota_client.formats.strict import is_name
from ota_client.manifest import ReleaseManifest, Sbom
from ota_client.metadata_checks import own_targets
from ota_client.testing.simulator import settings_text

PATHS = [
    "..",
    ".",
    "../x",
    "x/..",
    "x/../y",
    "/etc/passwd",
    "//x",
    "x//y",
    "x/y",
    "x\\y",
    "..\\x",
    "C:x",
]
ADDRESSES = ["%2e%2e", "%2f", "x%2fy", "x%00", "x?y", "x#y", "x;y", "x&y", "a@b", "file:x", "con:", "-x"]
UNSEEN = [" x", "x ", "x y", "x\n", "\nx", "x\0", "\0", "x\x7f", "é", "\uff58", "x\u202e", "x\u0301", ""]
OTHERS = ["~", "~root", "$HOME", "`id`", "_x", ".x", "x.", "x..y", "X", "*", "[x]", "{x}", "x|y", "x'y"]
TRICKS = [*PATHS, *ADDRESSES, *UNSEEN, *OTHERS, 'x"y', "x" * 65, "x" * 1000]
NAMES = st.from_regex(re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*", re.ASCII), fullmatch=True)
ODD = st.one_of(st.text(max_size=80), st.sampled_from(TRICKS), NAMES, NAMES.map("{}/..".format))
every_trick = pytest.mark.parametrize("tricks", [PATHS, ADDRESSES, UNSEEN, OTHERS, TRICKS[-3:]])


@every_trick
def test_no_trick_is_a_name(tricks):
    assert not any(map(is_name, tricks))


@given(NAMES)
def test_plain_names_are_taken(text):
    assert is_name(text) == (len(text) <= 64)


@given(ODD)
def test_a_name_is_one_plain_part_of_a_path_and_of_an_address(text):
    if is_name(text):
        assert PurePosixPath("/base", text).parts == ("/", "base", text)
        assert quote(text, safe="") == text == unquote(text)
        assert urlsplit(f"https://host/base/{text}").path == f"/base/{text}"
        assert 0 < len(text) <= 64


@given(ODD)
def test_a_version_is_a_name_and_reads_as_it_is_written(text):
    with suppress(ValueError):
        assert str(Version.parse(text)) == text
        assert is_name(text)


@every_trick
def test_no_trick_hides_in_a_version(tricks):
    for trick in {*tricks} - {"-x", ""}:
        for text in (trick, f"1.0.0-{trick}", f"1.0.{trick}", f"1.0.0{trick}"):
            with pytest.raises(ValueError, match="expected a version"):
                Version.parse(text)


@every_trick
def test_a_manifest_takes_no_trick(tricks):
    manifest = MemoryRepository().add(Release("1.1.0", rollback_index=2))
    for trick in tricks:
        for changes in (
            {"product": trick},
            {"hardware_ids": ("gw-rev2", trick)},
            {"images": (replace(manifest.images[0], slot=trick),)},
            {"sbom": Sbom(trick, 1, "0" * 64)},
        ):
            with refused(ManifestError):
                ReleaseManifest.from_bytes(replace(manifest, **changes).to_bytes())


@pytest.mark.parametrize("setting", ["product", "channel", "hardware_id"])
@every_trick
def test_the_settings_take_no_trick(tmp_path, setting, tricks):
    for trick in tricks:
        with refused(ConfigError, f"{setting}: expected a name"):
            make_config(tmp_path, b"", **{setting: in_toml(trick)})


@every_trick
def test_image_names_in_the_settings_take_no_trick(tmp_path, tricks):
    text = settings_with("images", ("rootfs",))
    for trick in tricks:
        with refused(ConfigError, "expected a name"):
            changed = text.replace("\nrootfs =", f'\n"{in_toml(trick)}" =')
            DeviceConfig.parse(changed, folder=tmp_path)


@pytest.mark.parametrize("setting", ["root", "state_dir", "record", "booted_file", "rootfs"])
@pytest.mark.parametrize("path", ["", r"\u0000", r"a\u0000b"])
def test_paths_in_the_settings_are_paths(tmp_path, setting, path):
    text = settings_with("images", ("rootfs",))
    start, end = re.search(rf'^{setting} = ".*"$', text, flags=re.MULTILINE).span()
    with refused(ConfigError, f"{setting}: expected a path"):
        DeviceConfig.parse(f'{text[:start]}{setting} = "{path}"{text[end:]}', folder=tmp_path)


@pytest.mark.parametrize("url", ["https://h/?x=", "https://h/#", r"https://h/\n", "ftp://h/", "/x", ""])
def test_addresses_in_the_settings_are_addresses(tmp_path, url):
    with refused(ConfigError, "urls: expected"):
        DeviceConfig.parse(settings_with("urls", (url,)), folder=tmp_path)


def in_toml(text):
    return "".join(rf"\U{ord(character):08x}" for character in text)


def settings_with(setting, value):
    facts = {
        "product": "p",
        "hardware_id": "h",
        "channel": "c",
        "urls": ("https://u.example/",),
        "version": "1.0.0",
        "rollback_index": 1,
        "images": ("rootfs",),
        "network": "",
    }
    return settings_text(**{**facts, setting: value})


@every_trick
def test_a_trick_in_a_listed_path_condemns_the_role(tricks):
    for trick in tricks:
        for path in (f"{PRODUCT}/{trick}/manifest.json", f"{PRODUCT}/1.1.0/{trick}", trick):
            target = TargetFile(1, {"sha256": "0" * 64}, path)
            with refused(MetadataError, "expected paths gateway/"):
                own_targets(PRODUCT, Targets(targets={path: target}))


@given(path=st.one_of(st.text(max_size=40), st.lists(ODD, max_size=4).map("/".join)))
def test_every_path_that_is_taken_is_two_plain_names_below_the_product(path):
    with suppress(MetadataError):
        own_targets(PRODUCT, Targets(targets={path: TargetFile(1, {"sha256": "0" * 64}, path)}))
        product, version, file = path.split("/")
        assert (product, is_name(version), is_name(file)) == (PRODUCT, True, True)


@pytest.mark.parametrize("trick", ["..", "1.1.0/x", "%2e%2e", "x\0", "x?y", "x" * 5000])
def test_a_trick_in_a_listed_path_stops_the_device(device, repository, trick):
    repository.add_target(f"{PRODUCT}/1.1.0/{trick}", b"{}", role=PRODUCT)
    repository.publish()
    with refuses(device, MetadataError, "expected paths"):
        device.client.install()


def test_names_of_roles_below_the_product_reach_neither_disk_nor_network(device, repository, tmp_path):
    key = repository.signers[PRODUCT][0].public_key
    roles = {
        name: DelegatedRole(name, [], 1, terminating=False, paths=["*/*/*"]) for name in TRICKS[:-3]
    }
    repository.releases.delegations = Delegations(
        {}, {name: role for name, role in roles.items() if name}
    )
    for name in repository.releases.delegations.roles:
        repository.releases.add_key(key, name)
    repository.publish()
    device.client.check()
    repository.publish()
    before = sorted(tmp_path.rglob("*"))
    repository.requests.clear()
    device.client.check()
    assert sorted(tmp_path.rglob("*")) == before
    names = [url.rpartition(".")[0].rpartition(".")[2] for url in repository.requests]
    assert names == ["root", "example/metadata/timestamp", "snapshot", "targets", PRODUCT]


def test_a_channel_or_product_that_the_repository_is_asked_for_takes_no_trick(device, repository):
    trusted = look(device, repository, PRODUCT)
    for trick in TRICKS:
        with unmoved(device), refused(UnknownReleaseError, "expected a channel name"):
            trusted.channel(trick)
    for trick in TRICKS[:3]:
        with unmoved(device), refused(UnknownReleaseError, "expected a product name"):
            look(device, repository, trick)


def look(device, repository, product):
    return trust.refresh(
        pinned_root=repository.pinned_root,
        cache_dir=device.client._cache_dir,
        fetcher=repository,
        base_url=device.client._config.urls[0],
        product=product,
        now=repository.now,
        floor=device.state.load().trust_floor,
    )
