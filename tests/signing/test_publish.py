"""Publishing: all at once, after devices tried it, and nowhere that somebody else publishes."""

import shutil

import pytest
from support.signing_desk import NOW, PRODUCT, Reader, SigningDesk, snapshot_of

from signing import publish as publish_module
from signing.errors import (
    DestinationError,
    DestinationFileError,
    GateError,
    NothingToDoError,
    RepositoryFileError,
)
from signing.publication.tree_files import VERSIONS_KEPT
from signing.refresh import refresh
from signing.status import status


@pytest.mark.system
def test_a_reader_of_a_live_host_never_sees_a_half_published_state(desk):
    desk.release("1.0.0")
    reader = Reader(desk)
    reader.start()
    for number in range(1, 9):
        desk.release(f"1.{number}.0", content=bytes([number]) * 9000)
    reader.stopped.set()
    reader.join()
    assert reader.errors == []
    assert reader.seen == sorted(reader.seen)


def test_publish_with_nothing_staged_has_nothing_to_do(desk):
    desk.release("1.0.0")
    with pytest.raises(NothingToDoError):
        desk.publish()


def test_a_dry_run_changes_nothing(desk):
    desk.add("1.0.0")
    desk.sign()
    before = snapshot_of(desk.repository.folder)
    desk.publish(dry_run=True)
    assert snapshot_of(desk.repository.folder) == before


def test_a_staged_file_that_changed_after_signing_is_not_published(desk):
    desk.release("1.0.0")
    live = snapshot_of(desk.published.resolve())
    desk.add("1.1.0", content=b"other firmware")
    desk.sign()
    data = next(desk.repository.staged_dir.rglob("*.rootfs.data"))
    data.write_bytes(bytes(len(data.read_bytes())))
    with pytest.raises(RepositoryFileError, match="signed"):
        desk.publish()
    assert snapshot_of(desk.published.resolve()) == live


def test_what_a_device_refuses_is_not_published(desk):
    desk.release("1.0.0")
    live = snapshot_of(desk.published.resolve())
    desk.pass_time(days=400)
    desk.add("1.1.0")
    desk.sign()
    with pytest.raises(GateError, match="expired"):
        desk.publish()
    assert snapshot_of(desk.published.resolve()) == live
    assert desk.repository.staged_roles() == [PRODUCT]


def test_a_power_cut_between_swap_and_clean_up_is_no_harm(desk, monkeypatch):
    desk.add("1.0.0")
    desk.sign()
    with monkeypatch.context() as patch:
        patch.setattr(desk.repository, "clear_staged", lambda: None)
        desk.publish()
    assert desk.repository.staged_roles() != []
    with pytest.raises(NothingToDoError):
        desk.publish()
    assert desk.repository.staged_roles() == []
    desk.release("1.1.0")


def test_a_power_cut_before_the_swap_leaves_the_old_state_and_is_made_good(desk, monkeypatch):
    desk.release("1.0.0")
    desk.add("1.1.0")
    desk.sign()
    with monkeypatch.context() as patch:
        patch.setattr(publish_module, "act_as_devices", lambda *_a, **_k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.publish()
    assert str(desk.offered().version) == "1.0.0"
    (desk.repository.folder / ".published/7.new").mkdir()
    (desk.repository.folder / ".published/link.new").symlink_to("nowhere")
    desk.publish()
    assert str(desk.offered().version) == "1.1.0"


def test_only_two_trees_and_ten_versions_of_metadata_are_kept(desk):
    desk.release("1.0.0")
    for _ in range(VERSIONS_KEPT + 2):
        desk.pass_time(days=8)
        refresh(desk.repository, now=desk.now)
    trees = [p.name for p in (desk.repository.folder / ".published").iterdir()]
    assert len(trees) == 2
    snapshots = list((desk.published / "metadata").glob("*.snapshot.json"))
    assert len(snapshots) == VERSIONS_KEPT + 1


def test_all_roots_are_kept(desk):
    from signing.root import renew

    for _ in range(3):
        renew(desk.repository, "root", now=desk.now)
        desk.sign_and_publish()
    assert desk.trusted(root=1).root_version == 3


class TestDestination:
    def test_a_second_folder_gets_the_same_files(self, desk, tmp_path):
        desk.add("1.0.0")
        desk.sign_and_publish(to=tmp_path / "www")
        assert snapshot_of((tmp_path / "www").resolve()) == snapshot_of(desk.published.resolve())
        desk.add("1.1.0")
        desk.sign_and_publish(to=tmp_path / "www")
        assert snapshot_of((tmp_path / "www").resolve()) == snapshot_of(desk.published.resolve())

    def test_it_can_be_brought_up_to_date_later(self, desk, tmp_path):
        desk.release("1.0.0")
        desk.publish(to=tmp_path / "www")
        assert desk.trusted(tmp_path / "www").root_version == 1

    def test_an_empty_folder_is_taken(self, desk, tmp_path):
        (tmp_path / "www").mkdir()
        desk.add("1.0.0")
        desk.sign_and_publish(to=tmp_path / "www")
        assert (tmp_path / "www/metadata/timestamp.json").is_file()

    def test_a_folder_with_other_files_is_refused(self, desk, tmp_path):
        (tmp_path / "www").mkdir()
        (tmp_path / "www/index.html").write_text("hello")
        desk.add("1.0.0")
        desk.sign()
        with pytest.raises(DestinationError, match="empty folder"):
            desk.publish(to=tmp_path / "www")
        assert not desk.published.exists()
        assert (tmp_path / "www/index.html").read_text() == "hello"

    def test_the_folder_of_another_repository_is_refused(self, desk, tmp_path):
        other = SigningDesk(tmp_path / "other")
        other.add("1.0.0")
        other.sign_and_publish(to=tmp_path / "www")
        desk.add("1.0.0")
        desk.sign()
        with pytest.raises(DestinationError, match="our repository"):
            desk.publish(to=tmp_path / "www")

    def test_a_folder_that_is_ahead_is_refused(self, desk, tmp_path):
        desk.release("1.0.0")
        desk.publish(to=tmp_path / "www")
        shutil.copytree(desk.repository.folder, tmp_path / "copy", symlinks=True)
        desk.add("1.1.0")
        desk.sign_and_publish(to=tmp_path / "www")
        there = snapshot_of((tmp_path / "www").resolve())
        desk.repository = type(desk.repository)(tmp_path / "copy", secrets=desk.secrets)
        with pytest.raises(DestinationError, match="another copy"):
            desk.publish(to=tmp_path / "www")
        assert snapshot_of((tmp_path / "www").resolve()) == there

    def test_a_full_disk_there_is_told_apart(self, desk, tmp_path, monkeypatch):
        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("signing.publication.destination.place_folder", full)
        desk.add("1.0.0")
        desk.sign()
        with pytest.raises(DestinationFileError, match="publish --to") as caught:
            desk.publish(to=tmp_path / "www")
        assert caught.value.retryable
        assert str(desk.offered().version) == "1.0.0"

    def test_another_file_system_gets_copies(self, desk, tmp_path, monkeypatch):
        def no_links(*_):
            raise OSError(18, "Invalid cross-device link")

        desk.release("1.0.0")
        monkeypatch.setattr("signing.storage.live_tree.os.link", no_links)
        desk.publish(to=tmp_path / "www")
        assert snapshot_of((tmp_path / "www").resolve()) == snapshot_of(desk.published.resolve())


class TestRefresh:
    def test_it_does_nothing_while_half_of_the_validity_is_left(self, desk):
        desk.release("1.0.0")
        desk.pass_time(hours=35)
        with pytest.raises(NothingToDoError, match="nothing due"):
            refresh(desk.repository, now=desk.now, if_due=True)
        desk.pass_time(hours=1)
        assert refresh(desk.repository, now=desk.now, if_due=True).versions["timestamp"] == 2
        with pytest.raises(NothingToDoError):
            refresh(desk.repository, now=desk.now, if_due=True)

    def test_the_snapshot_is_signed_anew_when_it_is_due(self, desk):
        desk.release("1.0.0")
        desk.pass_time(days=6)
        assert refresh(desk.repository, now=desk.now).versions["snapshot"] == 1
        desk.pass_time(days=1)
        assert refresh(desk.repository, now=desk.now).versions["snapshot"] == 2

    def test_what_is_staged_stays_staged(self, desk):
        desk.release("1.0.0")
        desk.add("1.1.0")
        desk.sign()
        refresh(desk.repository, now=desk.now)
        assert str(desk.offered().version) == "1.0.0"
        desk.publish()
        assert str(desk.offered().version) == "1.1.0"

    def test_devices_learn_the_time_from_it(self, desk):
        desk.release("1.0.0")
        desk.pass_time(days=1)
        refresh(desk.repository, now=desk.now)
        assert (desk.trusted().floor.signed_at - NOW).days == 1

    def test_it_repairs_a_repository_whose_timestamp_has_expired(self, desk):
        desk.release("1.0.0")
        desk.pass_time(days=30)
        refresh(desk.repository, now=desk.now, if_due=True)
        assert str(desk.offered().version) == "1.0.0"


def test_status_warns_ahead_of_an_expiry(desk):
    desk.release("1.0.0")
    assert not any(role.warning for role in status(desk.repository, now=desk.now))
    desk.pass_time(days=3)
    refresh(desk.repository, now=desk.now)
    desk.pass_time(days=140)
    warned = [role.role for role in status(desk.repository, now=desk.now) if role.warning]
    assert warned == [PRODUCT, "snapshot", "timestamp"]
