"""The root hash's way from the signed manifest to the boot loader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_config, make_device

from ota_client.errors import ConfigError, ManifestError
from ota_client.formats.strict import Fields, canonical_json
from ota_client.manifest import ReleaseManifest
from ota_client.verity import Verity, VerityArguments

TREE = Verity("ab" * 32, "cd" * 32, 2)
IMAGE = bytes(TREE.image_bytes)


def released(**changes):
    repository = MemoryRepository()
    repository.put(Release("1.1.0", 2, images=(("rootfs", IMAGE),), **changes))
    return repository


def flags_of(device, slot):
    return device.boot_control.flags()[slot]


def test_the_boot_loader_gets_the_signed_root_hash(tmp_path):
    device = make_device(tmp_path, released(hash_trees={"rootfs": TREE}))
    device.client.install()
    expected = f"roothash={'ab' * 32} systemd.verity_root_options=hash-offset=8192"
    assert flags_of(device, "B").arguments == expected
    device.boot()
    device.client.mark_good()
    assert flags_of(device, "B").arguments == expected


def test_without_a_hash_tree_there_are_no_arguments(tmp_path):
    device = make_device(tmp_path, released())
    device.client.install()
    assert flags_of(device, "B").arguments == ""


def test_the_template_has_what_dm_mod_create_needs(tmp_path):
    template = (
        "dm=root,,,ro,0,{data_sectors},verity,1,/dev/{slot}-{image},{data_blocks},{hash_start},{salt}"
    )
    device = make_device(
        tmp_path,
        released(hash_trees={"rootfs": TREE}),
        network=f'\n[verity]\narguments = "{template}"\n',
    )
    device.client.install()
    expected = f"dm=root,,,ro,0,16,verity,1,/dev/B-rootfs,2,3,{'cd' * 32}"
    assert flags_of(device, "B").arguments == expected


def test_an_empty_template_passes_nothing(tmp_path):
    repository = released(hash_trees={"rootfs": TREE})
    device = make_device(tmp_path, repository, network='\n[verity]\narguments = ""\n')
    device.client.install()
    assert flags_of(device, "B").arguments == ""


@pytest.mark.parametrize(
    "template", ["{root}", "{root_hash", "root_hash}", "{}", "a\u00e9", "a\\nb", "{0}"]
)
def test_a_template_that_cannot_be_filled_is_refused_at_the_start(template, tmp_path):
    with pytest.raises(ConfigError, match="verity: arguments: expected"):
        make_config(tmp_path, b"", network=f'\n[verity]\narguments = "{template}"\n')


@given(st.text(max_size=60))
def test_a_template_is_refused_or_gives_printable_ascii(template):
    try:
        arguments = VerityArguments.read(Fields({"arguments": template}, "verity", ConfigError))
    except ConfigError:
        return
    filled = arguments.of("A", [("rootfs", TREE)])
    assert filled.isascii()
    assert not filled or filled.isprintable()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_blocks", 1),
        ("data_blocks", 3),
        ("data_blocks", 0),
        ("root_hash", "ab"),
        ("salt", ""),
        ("x", 1),
    ],
)
def test_a_manifest_with_an_implausible_hash_tree_is_refused(name, value):
    repository = released(hash_trees={"rootfs": TREE})
    data = next(data for path, data in repository.files.items() if path.endswith("manifest.json"))
    manifest = ReleaseManifest.from_bytes(data)
    fields = manifest.images[0].verity
    told = {"root_hash": fields.root_hash, "salt": fields.salt, "data_blocks": fields.data_blocks}
    changed = data.replace(canonical_json(told), canonical_json({**told, name: value}))
    assert changed != data
    with pytest.raises(ManifestError, match="verity"):
        ReleaseManifest.from_bytes(changed)
