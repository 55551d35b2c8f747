"""The desk publishes to a server: all of it or nothing, and what was sent is not sent again."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from support.signing_desk import PRODUCT, snapshot_of
from support.upload_server import UPLOADS, Line

from ota_server.database.operators_schema import audit_entries
from ota_server.errors import ConflictError
from ota_server.privacy.running import forget_old
from ota_server.settings.notifications import RetentionSettings
from ota_server.uploads import publication
from ota_server.uploads.staged_upload import StagedUpload
from ota_server.uploads.verification import verify
from signing.errors import ServerRefusedError, ServerTokenError, ServerUnreachableError
from signing.publication.server import ServerDestination
from signing.refresh import refresh

LARGE = bytes(range(256)) * 600


def audit(server):
    with server.database.read() as connection:
        return connection.execute(select(audit_entries).order_by(audit_entries.c.id)).all()


def publish_to(server, token, **more):
    return server.destination(token, **more)


def test_devices_take_what_was_published_over_the_network(desk, server, token):
    desk.add("1.0.0")
    desk.sign_and_publish(to=publish_to(server, token))
    assert str(desk.trusted(server.www).channel("stable").manifest.version) == "1.0.0"
    assert snapshot_of(server.www.resolve()) == snapshot_of(desk.published.resolve())
    assert [(e.action, e.product, e.actor) for e in audit(server)] == [
        ("release.publish", PRODUCT, "ci")
    ]
    assert not list(server.uploads.staging.folder.glob("*/*"))


def test_what_is_there_is_not_sent_again(desk, server, token):
    desk.add("1.0.0", content=LARGE)
    desk.sign_and_publish(to=publish_to(server, token))
    line = Line(server, token)
    desk.publish(to=ServerDestination(line))
    assert line.asked == [f"POST {UPLOADS}"] * 2
    desk.add("1.1.0", content=LARGE + b"more")
    line = Line(server, token)
    desk.sign_and_publish(to=ServerDestination(line))
    assert [str(version) for version in desk.trusted(server.www).versions()] == ["1.0.0", "1.1.0"]
    assert snapshot_of(desk.published.resolve()) == snapshot_of(server.www.resolve())


@pytest.mark.walk(1)
@pytest.mark.parametrize("break_at", [3, 8])
def test_a_broken_line_is_no_harm(desk, server, token, break_at):
    desk.add("1.0.0", content=LARGE)
    line = Line(server, token)
    line.break_at = {break_at}
    desk.sign_and_publish(to=ServerDestination(line, sleep=lambda _: None))
    assert str(desk.trusted(server.www).channel("stable").manifest.version) == "1.0.0"


def test_after_a_restart_the_upload_goes_on_where_it_broke(desk, server, token):
    desk.add("1.0.0", content=random.Random(1).randbytes(600_000))
    line = Line(server, token)
    line.break_at = set(range(5, 100))
    with pytest.raises(ServerUnreachableError, match=r"`publish --to` again"):
        desk.sign_and_publish(to=ServerDestination(line, sleep=lambda _: None))
    assert not server.www.exists()
    server.restart()
    further = Line(server, token)
    done = []
    desk.publish(to=ServerDestination(further, progress=lambda *both: done.append(both)))
    each_once = set(snapshot_of(desk.published.resolve()).values())
    assert line.sent_bytes > 0
    assert line.sent_bytes + further.sent_bytes == sum(map(len, each_once))
    assert done[-1][0] == done[-1][1]
    assert desk.trusted(server.www).versions()


def test_a_line_that_stays_dead_is_said_and_the_repository_is_up_to_date(desk, server, token):
    desk.add("1.0.0")
    line = Line(server, token)
    line.break_at = set(range(2, 100))
    with pytest.raises(ServerUnreachableError) as caught:
        desk.sign_and_publish(to=ServerDestination(line, sleep=lambda _: None))
    assert caught.value.exit_code == 5
    assert caught.value.retryable
    assert str(desk.offered().version) == "1.0.0"


def test_a_dry_run_leaves_no_trace(desk, server, token):
    desk.add("1.0.0")
    desk.sign()
    desk.publish(to=publish_to(server, token), dry_run=True)
    assert not server.www.exists()
    assert not server.uploads.staging.folder.exists()
    assert audit(server) == []


def test_a_server_that_says_no_is_asked_before_anything_is_public(desk, server):
    desk.add("1.0.0")
    desk.sign()
    with pytest.raises(ServerTokenError) as caught:
        desk.publish(to=publish_to(server, server.token(("viewer", "*"))))
    assert caught.value.exit_code == 4
    assert not desk.published.exists()


def test_a_product_that_a_token_does_not_see_is_the_token_s_fault(desk, server):
    desk.add("1.0.0")
    desk.sign()
    with pytest.raises(ServerTokenError, match="a product that you may see"):
        desk.publish(to=publish_to(server, server.token(("admin", "other"))))


def test_a_server_that_takes_no_uploads_is_said_to_be_none(desk, server, token, monkeypatch):
    monkeypatch.setattr(server, "ask", lambda *_, **__: (413, {"title": "No body is taken here."}))
    desk.add("1.0.0")
    with pytest.raises(ServerRefusedError, match="expected the address of an `ota-server`"):
        desk.sign_and_publish(to=publish_to(server, token))


def test_folders_and_the_network_may_take_turns(desk, server, token):
    desk.add("1.0.0")
    desk.sign_and_publish(to=server.www)
    desk.add("1.1.0")
    desk.sign_and_publish(to=publish_to(server, token))
    desk.add("1.2.0")
    desk.sign_and_publish(to=server.www)
    assert [str(version) for version in desk.trusted(server.www).versions()] == [
        "1.0.0",
        "1.1.0",
        "1.2.0",
    ]


def test_a_device_in_the_middle_still_finds_what_it_was_told_of(desk, server, token):
    desk.add("1.0.0")
    desk.sign_and_publish(to=publish_to(server, token))
    before = set(snapshot_of(server.www.resolve()))
    desk.add("1.1.0")
    desk.sign_and_publish(to=publish_to(server, token))
    assert before <= set(snapshot_of(server.www.resolve()))


@pytest.mark.system
def test_old_metadata_goes_in_the_end(desk, server, token, monkeypatch):
    monkeypatch.setattr("ota_server.uploads.live_folder._VERSIONS_KEPT", 2)
    desk.add("1.0.0")
    desk.sign_and_publish(to=publish_to(server, token))
    for _ in range(3):
        desk.pass_time(days=10)
        refresh(desk.repository, now=desk.now, to=publish_to(server, token))
    snapshots = list((server.www / "metadata").glob("*.snapshot.json"))
    assert len(snapshots) == 2
    assert desk.trusted(server.www).versions()


def test_a_folder_that_nobody_links_is_left_alone(desk, server, token):
    server.www.mkdir()
    (server.www / "index.html").write_text("hello")
    desk.add("1.0.0")
    with pytest.raises(ServerRefusedError, match="new name"):
        desk.sign_and_publish(to=publish_to(server, token))
    assert snapshot_of(server.www) == {"index.html": b"hello"}
    assert [entry.action for entry in audit(server)] == ["release.publish", "release.publish-failed"]


def test_uploads_that_nobody_goes_on_with_are_removed(desk, server, token):
    server.begin([{"name": "metadata/timestamp.json", "size_bytes": 1, "sha256": "0" * 64}], token)
    now = datetime.now(UTC)
    assert server.uploads.drop_stale(now + timedelta(days=6)) == 0
    assert server.uploads.drop_stale(now + timedelta(days=8)) == 1
    assert server.uploads.drop_stale(now + timedelta(days=8)) == 0


def test_two_publishers_at_once_do_not_undo_each_other(desk, server, token):
    """Verified over one state, an upload is not put over another."""
    desk.add("1.0.0")
    desk.sign_and_publish(to=publish_to(server, token))
    desk.add("1.1.0")
    line = Line(server, token)
    # all but the commit
    line.request = _without_commit(line.request)
    desk.sign_and_publish(to=ServerDestination(line))
    uploads = server.uploads
    (folder,) = uploads.staging._folders()
    upload = StagedUpload.read(folder)
    verified = verify(upload, uploads.destination, None, now=desk.now)
    desk.publish(to=server.www)
    there = snapshot_of(server.www.resolve())
    with pytest.raises(ConflictError, match="meanwhile"):
        publication.publish(verified, upload, uploads.staging, uploads.destination)
    assert snapshot_of(server.www.resolve()) == there
    assert folder.exists()


def _without_commit(request):
    def ask(method, path, body=b"", **more):
        return None if path.endswith("/commit") else request(method, path, body, **more)

    return ask


@pytest.mark.walk(1)
@pytest.mark.parametrize("step", ["_place", "LiveFolder._swap"])
def test_a_disk_that_fails_leaves_what_was_public(desk, server, token, monkeypatch, step):
    desk.add("1.0.0")
    desk.sign_and_publish(to=publish_to(server, token))
    before = snapshot_of(server.www.resolve())

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"ota_server.uploads.live_folder.{step}", fail)
        desk.add("1.1.0")
        with pytest.raises(ServerUnreachableError):
            desk.sign_and_publish(to=publish_to(server, token))
    assert snapshot_of(server.www.resolve()) == before
    line = Line(server, token)
    desk.publish(to=ServerDestination(line))
    # what came was kept
    assert line.sent_bytes == 0
    assert len(desk.trusted(server.www).versions()) == 2


def test_what_is_old_is_forgotten_once_by_the_running_server(server, token, caplog):
    server.begin([{"name": "metadata/timestamp.json", "size_bytes": 1, "sha256": "0" * 64}], token)
    later = datetime.now(UTC) + timedelta(days=8)
    for said in ("'uploads': 1", ""):
        caplog.clear()
        with caplog.at_level("INFO"):
            forget_old(server.database, RetentionSettings(), server.uploads, later)
        assert said in caplog.text
