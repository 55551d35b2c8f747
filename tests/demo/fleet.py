"""The demo's fleet: simulated devices over mutual TLS, and rollouts that stop themselves."""

import json
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from stage import Stage, StepFailedError, program

DEVICES = 50
AT_ONCE = 10
BAD, MENDED = "1.4.0", "1.4.1"
PRODUCT = "gateway"
_DEADLINE_S = 30


class SimulatedFleet:
    """Simulated devices beside the demo, and the operator's commands.

    Args:
        stage: runs commands.
        address: of the server.
    """

    def __init__(self, stage: Stage, address: str) -> None:
        self.stage, self.address = stage, address
        self.settings = stage.folder / "server" / "ota-server.toml"
        self.told, self.words = stage.folder / "fleet.json", stage.folder / "fleet.log"

    @contextmanager
    def living(self, *, version: str, rollback_index: int):
        """The devices live until the end of the block."""
        token = self.stage.folder / "token"
        token.touch(mode=0o600)
        issued = self.operate("token", "issue", PRODUCT, "--uses", DEVICES)
        token.write_text(issued.splitlines()[0])
        command = (
            *(program("ota-server"), "simulate", "--devices", DEVICES, "--json"),
            *("--url", self.address.replace("127.0.0.1", "localhost")),
            *("--ca-file", self.stage.folder / "server" / "ca.pem", "--token-file", token),
            *("--version", version, "--rollback-index", rollback_index),
            *("--prefix", "gw-", "--bad-version", BAD, "--time-factor", 300),
        )
        with self.told.open("w") as told, self.words.open("w") as words:
            process = subprocess.Popen([*map(str, command)], stdout=told, stderr=words)
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def operate(self, *command: object, expect: int = 0) -> str:
        """Run ``ota-server`` on the fleet."""
        return self.stage.run("ota-server", *command, "--config", self.settings, expect=expect)

    def wait_until_enrolled(self) -> str:
        """What the devices say when all have a certificate."""
        until = time.monotonic() + _DEADLINE_S
        while time.monotonic() < until:
            lines = self.told.read_text().splitlines()
            devices = json.loads(lines[-1])["sample"]["devices"] if lines else {}
            if devices.get("waiting") == DEVICES:
                return f"{DEVICES} keys and certificates; all check in over mutual TLS"
            time.sleep(0.1)
        raise StepFailedError(f"expected {DEVICES} enrolled devices, got:\n{self.words.read_text()}")

    def roll_out(self, version: str, *, expect: int) -> str:
        """Roll a release out, and watch it to its end."""
        waves = ("--wave", "20%", "--wave", "50%", "--wave", "rest")
        halt = ("--halt-share", "20%", "--halt-least", 5)
        name = f"to-{version}"
        limit = ("--group", "all", "--max-in-flight", AT_ONCE)
        self.operate("rollout", "create", PRODUCT, name, version, *waves, *halt, *limit)
        self.operate("rollout", "watch", f"{PRODUCT}/{name}", "--every", "0.3", expect=expect)
        return self.operate("rollout", "show", f"{PRODUCT}/{name}")

    def summary(self) -> str:
        """What the devices saw, once they have stopped."""
        seen = json.loads(self.told.read_text().splitlines()[-1])["summary"]
        updated, most = seen["devices"]["updated"], seen["most_updating"]
        made, taken = seen["reports"]["made"], seen["reports"]["acknowledged"]
        if updated != DEVICES or most > AT_ONCE or made != taken:
            raise StepFailedError(f"expected a fleet that runs {MENDED}, got: {seen}")
        return (
            f"{updated} run {MENDED}; never more than {most} were updating at once\n"
            f"{made} reports made, {taken} acknowledged\n"
            f"{seen['releases_verified']} releases verified, unpacked and started once for all of them, "
            "by a device's own code"
        )


def small_image(path: Path) -> None:
    """Make an image that fifty devices need not wait for."""
    path.write_bytes(os.urandom(300_000))
