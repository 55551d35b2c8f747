"""``ota-server`` that is killed (SIGKILL) in the middle of an upload's commit.

Run as ``killed_server.py POINT serve ...``; a process of its own, as it does not survive.
"""

import os
import signal
import sys
from pathlib import Path

from ota_server.cli import main
from ota_server.uploads import live_folder, publication
from ota_server.uploads.live_folder import LiveFolder
from ota_server.uploads.staging import Staging


def die(*_args, **_more):
    os.kill(os.getpid(), signal.SIGKILL)


def die_behind(step):
    def stepping(*args, **more):
        step(*args, **more)
        die()

    return stepping


def die_at_the_link(step):
    def stepping(path, *args):
        if path.name == "link.new":
            die()
        return step(path, *args)

    return stepping


def die_in_the_middle(_staging, upload):
    for path in list(upload.folder.iterdir())[:2]:
        path.unlink()
    die()


def before(_step):
    return die


# where, and whether the new state is public by then
POINTS = {
    # at the first publication the empty folder is gone by then
    "link-not-yet-replaced": (Path, "replace", die_at_the_link, False),
    "allowed-and-noted": (publication, "publish", before, False),
    "one-file-placed": (live_folder, "_place", die_behind, False),
    "tree-filled": (LiveFolder, "_swap", before, False),
    "tree-named": (Path, "symlink_to", before, False),
    "public-and-not-dropped": (Staging, "drop", before, True),
    "half-dropped": (Staging, "drop", lambda _: die_in_the_middle, True),
    "not-answered": (Staging, "drop", die_behind, True),
}

if __name__ == "__main__":
    owner, name, fault, _ = POINTS[sys.argv.pop(1)]
    setattr(owner, name, fault(getattr(owner, name)))
    main()
