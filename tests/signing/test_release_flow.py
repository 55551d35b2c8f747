"""A release's way from an image to what devices are offered."""

from dataclasses import replace

import pytest
from support.signing_desk import HARDWARE, PRODUCT, advisory, snapshot_of, version

from ota_client.errors import ConfigError, UnknownReleaseError
from ota_client.manifest import ReleaseManifest
from signing.channel import set_channel
from signing.discard import discard
from signing.errors import (
    ChannelBackwardsError,
    NothingToDoError,
    ReleaseExistsError,
    RepositoryFileError,
    RollbackOrderError,
    RuleError,
)
from signing.product import add_product, list_products
from signing.release import add_release, check_release, list_releases, retire_release


def test_a_published_release_is_what_a_new_device_is_offered(desk):
    desk.add("1.0.0", 3, notes="first")
    desk.sign_and_publish()
    manifest = desk.offered()
    assert (manifest.version, manifest.rollback_index, manifest.notes) == (version("1.0.0"), 3, "first")
    assert manifest.hardware_ids == (HARDWARE,)


def test_nothing_is_public_before_publish(desk):
    desk.add("1.0.0")
    desk.sign()
    assert not desk.published.exists()


def test_the_channel_file_is_the_manifest(desk):
    desk.release("1.0.0")
    files = {p.name.split(".", 1)[1]: p for p in (desk.published / "targets").rglob("*.json")}
    assert files["stable.json"].read_bytes() == files["manifest.json"].read_bytes()
    assert ReleaseManifest.from_bytes(files["manifest.json"].read_bytes()).product == PRODUCT


def test_a_second_release_links_the_files_of_the_first(desk):
    desk.release("1.0.0")
    old = next((desk.published / "targets").rglob("*.rootfs.data")).stat().st_ino
    desk.release("1.1.0", content=b"other firmware")
    inodes = {p.stat().st_ino for p in (desk.published / "targets").rglob("*.rootfs.data")}
    assert old in inodes
    assert len(inodes) == 2


def test_advisories_are_carried_over_to_later_releases(desk):
    desk.release("1.0.0", advisories=(advisory("CVE-1", "1.0.0"),))
    desk.release("1.1.0", advisories=(advisory("CVE-2", "1.1.0"),))
    desk.release("1.2.0")
    carried = desk.offered()
    assert [a.id for a in carried.advisories] == ["CVE-1", "CVE-2"]
    assert [a.id for a in carried.advisories_since(version("1.0.0"))] == ["CVE-2"]


def test_an_older_line_does_not_inherit_the_advisories_of_a_newer_one(desk):
    desk.release("1.0.0")
    desk.release("2.0.0", advisories=(advisory("CVE-2", "2.0.0"),), channels=("next",))
    assert desk.add("1.0.1").advisories == ()


def test_a_sbom_is_published_and_named_in_the_manifest(desk, tmp_path):
    sbom = tmp_path / "sbom.spdx.json"
    sbom.write_text("{}")
    desk.release("1.0.0", sbom=sbom)
    named = desk.offered().sbom
    file = desk.published / f"targets/{PRODUCT}/1.0.0/{named.sha256}.sbom.spdx.json"
    assert file.read_text() == "{}"


def test_the_files_of_a_retired_release_leave_with_the_next_publication(desk):
    desk.release("1.0.0")
    desk.release("1.1.0")
    retire_release(desk.repository, PRODUCT, version("1.0.0"), now=desk.now)
    desk.sign_and_publish()
    assert not (desk.published / f"targets/{PRODUCT}/1.0.0").exists()
    with pytest.raises(UnknownReleaseError):
        desk.trusted().release(version("1.0.0"))
    assert desk.trusted().versions() == (version("1.1.0"),)


def test_a_release_on_a_channel_is_not_retired(desk):
    desk.release("1.0.0")
    with pytest.raises(RuleError, match="channel set"):
        retire_release(desk.repository, PRODUCT, version("1.0.0"), now=desk.now)


def test_a_retired_version_never_comes_back(desk):
    desk.release("1.0.0")
    desk.release("1.1.0", 7)
    desk.release("1.2.0", 7)
    retire_release(desk.repository, PRODUCT, version("1.1.0"), now=desk.now)
    with pytest.raises(ReleaseExistsError):
        desk.add("1.1.0", 7)
    # its rollback index is in devices, and still binds
    with pytest.raises(RollbackOrderError):
        desk.add("1.1.1", 6)


def test_a_release_that_was_never_public_may_be_retired_and_added_anew(desk):
    desk.release("1.0.0")
    desk.add("1.1.0", channels=())
    retire_release(desk.repository, PRODUCT, version("1.1.0"), now=desk.now)
    desk.release("1.1.0", content=b"mended")
    assert desk.offered().version == version("1.1.0")


def test_a_channel_moves_forward_only(desk):
    desk.release("1.0.0", 1)
    desk.release("1.1.0", 2)
    with pytest.raises(ChannelBackwardsError, match="higher version"):
        set_channel(desk.repository, PRODUCT, "stable", version("1.0.0"), now=desk.now)
    set_channel(desk.repository, PRODUCT, "beta", version("1.0.0"), now=desk.now)
    desk.sign_and_publish()
    assert desk.offered("beta").version == version("1.0.0")


def test_a_channel_that_offers_the_release_already_is_left_alone(desk):
    desk.release("1.0.0")
    with pytest.raises(NothingToDoError):
        set_channel(desk.repository, PRODUCT, "stable", version("1.0.0"), now=desk.now)
    assert desk.repository.staged_roles() == []


@pytest.mark.parametrize("channel", ["Stable", "../x", "a/b", "", "manifest"])
def test_a_channel_with_a_bad_name_is_refused(desk, channel):
    with pytest.raises(ConfigError):
        desk.add("1.0.0", channels=(channel,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hardware_ids": ("unknown",)}, "product add"),
        ({"hardware_ids": ()}, "hardware id"),
        ({"product": "toaster"}, "product"),
        ({"images": ()}, "images"),
        ({"images": (("Root FS", None),)}, "images"),
        ({"rollback_index": 2**31}, "rollback index"),
        ({"min_version": version("2.0.0")}, "min version"),
        ({"notes": "n" * 40_000}, "notes"),
    ],
)
def test_a_release_with_a_wrong_fact_stages_nothing(desk, change, said):
    before = snapshot_of(desk.repository.folder)
    new = replace(desk.new("1.0.0"), **change)
    with pytest.raises(ConfigError, match=said):
        add_release(desk.repository, new, now=desk.now)
    assert snapshot_of(desk.repository.folder) == before


def test_a_full_disk_in_the_middle_stages_nothing(desk, monkeypatch):
    import signing.release

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    desk.release("1.0.0")
    before = snapshot_of(desk.repository.folder)
    monkeypatch.setattr(signing.release, "list_release", full)
    with pytest.raises(OSError, match="No space"):
        desk.add("1.1.0")
    assert snapshot_of(desk.repository.folder) == before


def test_a_dry_run_checks_and_stages_nothing(desk):
    before = snapshot_of(desk.repository.folder)
    check_release(desk.repository, desk.new("1.0.0"))
    assert snapshot_of(desk.repository.folder) == before


def test_changing_a_signed_stage_drops_its_signatures_and_says_so(desk):
    desk.add("1.0.0")
    desk.sign()
    desk.add("1.1.0")
    assert any("signature(s) were dropped" in notice for notice in desk.notices)
    assert desk.repository.staged_role(PRODUCT).signatures == {}


def test_more_hardware_ids_are_given_to_a_product_that_exists(desk):
    add_product(desk.repository, PRODUCT, ("gw-rev3",), now=desk.now)
    (product,) = list_products(desk.repository)
    assert product.hardware_ids == (HARDWARE, "gw-rev3")
    with pytest.raises(NothingToDoError):
        add_product(desk.repository, PRODUCT, ("gw-rev3",), now=desk.now)


@pytest.mark.parametrize("name", ["root", "targets", "snapshot", "timestamp", "Cam", "a/b", "..", ""])
def test_a_product_with_a_reserved_or_bad_name_is_refused(desk, name):
    with pytest.raises(ConfigError):
        add_product(desk.repository, name, (HARDWARE,), now=desk.now)


def test_two_products_travel_side_by_side(desk):
    add_product(desk.repository, "camera", ("cam-1",), now=desk.now)
    desk.release("1.0.0")
    assert [c.product for c in list_releases(desk.repository)] == [PRODUCT, "camera"]
    assert desk.trusted(product="camera").versions() == ()


def test_discard_takes_the_repository_back_to_what_is_published(desk):
    with pytest.raises(ConfigError, match="nothing is published"):
        discard(desk.repository)
    desk.release("1.0.0")
    desk.add("1.1.0")
    assert discard(desk.repository) == [PRODUCT]
    assert desk.repository.staged_roles() == []
    with pytest.raises(NothingToDoError):
        discard(desk.repository)


def test_damaged_staged_metadata_is_named(desk):
    desk.repository.staged_path("root").write_text("{}")
    with pytest.raises(RepositoryFileError, match=r"root\.json"):
        desk.review()
