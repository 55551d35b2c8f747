"""C11: two engineers at one folder, or with two copies of it."""

import shutil
import subprocess
import sys

import pytest
from support.signing_desk import snapshot_of

from signing.errors import DestinationError, RepositoryBusyError, StaleStageError
from signing.release import add_release
from signing.repository import Repository
from signing.review import review
from signing.sign import sign


def test_a_second_person_is_told_to_wait(desk):
    before = snapshot_of(desk.repository.folder)
    other = desk.another()
    with desk.repository.lock(), pytest.raises(RepositoryBusyError, match="another ota-sign") as caught:
        add_release(other, desk.new("1.0.0"), now=desk.now)
    assert caught.value.retryable
    assert snapshot_of(desk.repository.folder) == before
    add_release(other, desk.new("1.0.0"), now=desk.now)


def test_the_lock_ends_with_its_process(desk):
    code = (
        "import sys, os\nfrom pathlib import Path\nfrom signing.repository import Repository\n"
        "Repository(Path(sys.argv[1]), secrets=str).lock().__enter__()\nprint('held', flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, desk.repository.folder], capture_output=True, text=True, check=False
    )
    assert done.stdout == "held\n", done.stderr
    desk.add("1.0.0")


@pytest.mark.parametrize("move", ["review", "sign", "publish"])
def test_what_was_staged_on_an_older_state_goes_no_further(desk, tmp_path, move):
    desk.release("1.0.0")
    shutil.copytree(desk.repository.folder, tmp_path / "copy", symlinks=True)
    copy = Repository(tmp_path / "copy", secrets=desk.secrets)
    add_release(copy, desk.new("1.1.0"), now=desk.now)
    review(copy, user="bob")
    if move == "publish":
        sign(copy, user="bob")
    desk.release("1.2.0")
    # the copy is brought up to what was published meanwhile, as by a shared drive
    shutil.rmtree(tmp_path / "copy/.published")
    (tmp_path / "copy/published").unlink()
    shutil.copytree(desk.repository.folder / ".published", tmp_path / "copy/.published")
    (tmp_path / "copy/published").symlink_to((desk.repository.folder / "published").readlink())
    desk.repository = copy
    live = snapshot_of(desk.published.resolve())
    with pytest.raises(StaleStageError, match="somebody else published"):
        {
            "review": lambda: review(copy, user="bob"),
            "sign": lambda: sign(copy, user="bob"),
            "publish": desk.publish,
        }[move]()
    assert snapshot_of(desk.published.resolve()) == live


def test_two_copies_do_not_overwrite_each_other_at_the_server(desk, tmp_path):
    desk.release("1.0.0")
    desk.publish(to=tmp_path / "www")
    shutil.copytree(desk.repository.folder, tmp_path / "copy", symlinks=True)
    desk.add("1.1.0")
    desk.sign_and_publish(to=tmp_path / "www")
    served = snapshot_of((tmp_path / "www").resolve())
    desk.repository = Repository(tmp_path / "copy", secrets=desk.secrets)
    desk.add("1.1.0", content=b"other")
    desk.sign()
    with pytest.raises(DestinationError):
        desk.publish(to=tmp_path / "www")
    assert snapshot_of((tmp_path / "www").resolve()) == served
