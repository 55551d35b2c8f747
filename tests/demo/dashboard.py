"""The demo's last step: the fleet's dashboard, and how a person looks at it."""

import os
import shutil
import signal
import ssl
import sys
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stage import Stage, StepFailedError, program

OPERATOR = "admin"
# beside the demo's own server, which has the one that `ota-server init` takes
_SHOWROOM_PORT = 8444
# what a demo leaves behind if nobody named a folder: the servers, without images and devices
LEFT = Path(__file__).parents[2] / "build" / "demo"


@dataclass
class Dashboard:
    """The pages of a server that runs.

    Args:
        stage: runs commands.
        address: of the server.
        server: its folder.
    """

    stage: Stage
    address: str
    server: Path

    def answer(self) -> str:
        """Open a one-time link as a browser would; a link that is looked at is not used up."""
        context = ssl.create_default_context(cafile=self.server / "ca.pem")
        opened = self._link_to(self.address)
        # the address is that of the server which the demo has started
        with urllib.request.urlopen(opened, context=context) as answer:  # noqa: S310 - as said
            page = answer.read().decode()
        if f"Welcome, {OPERATOR}" not in page:
            raise StepFailedError(f"expected a page that welcomes {OPERATOR}, got:\n{page[:2000]}")
        return f"{self.address}: a one-time link welcomes {OPERATOR}, who then chooses a password"

    def link(self) -> str:
        """A new link, under the address that the settings name."""
        words = ("user", "invite", OPERATOR, "--again", "--config", self.server / "ota-server.toml")
        return self.stage.run("ota-server", *words).splitlines()[0]

    def _link_to(self, address: str) -> str:
        """The same under another address: the demo's server took a port that was free."""
        return f"{address}/welcome?{self.link().partition('?')[2]}"

    def stay(self) -> None:
        """Let a person look, until Ctrl-C."""
        link = self._link_to(self.address.replace("127.0.0.1", "localhost"))
        print(f"\nThe dashboard is open until Ctrl-C. Choose a password here, once:\n  {link}")
        self._warn()
        # a shell's background job ignores SIGINT
        for end in (signal.SIGINT, signal.SIGTERM):
            signal.signal(end, signal.default_int_handler)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print()

    def leave(self, folder: Path) -> "Dashboard":
        """Move what the server needs to another folder, to be served again."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # a link to the link that `ota-sign publish` swaps: what they lead to is wanted
        link = self.server / "published"
        published = link.resolve() if link.is_symlink() else None
        if published:
            link.unlink()
        shutil.move(self.server, folder)
        if published:
            shutil.move(published, folder / "published")
        return Dashboard(self.stage, self.address, folder)

    def print_way_in(self, what: str) -> None:
        """Say how to serve it again, and the link by which somebody comes in."""
        link = self.link()
        print(f"\n{what} Serve it, then choose a password here, once:")
        print(f"  {program('ota-server')} serve --config {self.server}/ota-server.toml")
        print(f"  {link}")
        self._warn()

    def _warn(self) -> None:
        print(f"Your browser does not know {self.server}/ca.pem, and will say so.", flush=True)


def furnish_showroom(stage: Stage, folder: Path) -> str:
    """Make a server with a made-up fleet that has weeks behind it: the demo's own is minutes old."""
    stage.run("ota-server", "init", folder, "--port", _SHOWROOM_PORT)
    # tests/, where the fleet is that the pictures in the documentation show
    sys.path.append(str(Path(__file__).parents[1]))
    from support.showroom import put_demo_fleet

    # what it tells of today is in the past for the server
    fleet = put_demo_fleet(folder, datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))
    return (
        f"{fleet.size} made-up devices with two months behind them: rollouts that finished, halted and "
        "wait for approval,\nwho fell back, advisories, and how exposed the fleet was on each day"
    )


def is_asked_to_stay() -> bool:
    """Whether the demo shall go on until somebody ends it."""
    return os.environ.get("DEMO_STAY", "") not in {"", "0"}
