"""The way of a release, the attacks on it, and the fleet: what ``make demo`` plays.

Each line says what was tried and what the device answered; a step that does not hold ends the demo.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from dashboard import LEFT, Dashboard, furnish_showroom, is_asked_to_stay
from fleet import AT_ONCE, BAD, DEVICES, MENDED, SimulatedFleet, small_image
from stage import IMAGE_BYTES, Stage, StepFailedError, firmware, next_firmware

PRODUCT = "gateway"
BOARD = "gw-rev2"
MIB = 1024 * 1024


class Demo:
    """The steps, in order; each returns what was seen."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.folder = stage.folder
        self.repository = self.folder / "repository"
        self.address = ""
        self.running = ExitStack()
        self.living = self.running.enter_context(ExitStack())

    def play(self) -> tuple[int, int]:
        """Play all steps; how many held, and of how many."""
        held = 0
        for number, (title, step) in enumerate(STEPS, start=1):
            if number in TITLES:
                self._title(TITLES[number])
            print(f"{number:3}. {title}", flush=True)
            try:
                for line in step(self).strip().splitlines():
                    print(f"       {line}".rstrip())
                held += 1
            except StepFailedError as e:
                print(f"       DID NOT HOLD: {e}", file=sys.stderr)
                return held, len(STEPS)
        return held, len(STEPS)

    def _title(self, text: str) -> None:
        print(f"\n{text}\n{'-' * len(text)}")

    # the way of a release

    def make_images(self) -> str:
        image = firmware(self._image("1.0.0"))
        for version in ("1.1.0", "1.2.0", "1.3.0"):
            image = next_firmware(self._image(version), image)
        return f"4 images of {IMAGE_BYTES // MIB} MiB, made of this machine's own files"

    def make_repository(self) -> str:
        self.stage.run("ota-sign", "init", self.repository, "--with-keys")
        self.stage.run("ota-sign", "product", "add", PRODUCT, "--hardware-id", BOARD)
        return "encrypted Ed25519 keys for root, targets, snapshot, timestamp and the product"

    def release_first(self) -> str:
        self._release("1.0.0", 1)
        return f"reviewed, signed and published: {self.repository / 'published'}"

    def make_device(self) -> str:
        self.stage.run("ota-server", "init", self.folder / "server")
        served = self.folder / "server" / "published"
        served.rmdir()
        served.symlink_to(self.repository / "published")
        server = self.stage.server(self.repository / "published", log=self.folder / "server.log")
        self.address = self.running.enter_context(server)
        self._make_device("device", rollback_index=1)
        return f"slots A and B of {IMAGE_BYTES // MIB} MiB, the root pinned, asks {self.address}"

    def install_first(self) -> str:
        self.stage.client("check")
        self._update()
        return self.stage.client("status")

    def release_second(self) -> str:
        shutil.copytree(self.repository / "published", self.folder / "recorded")
        self._release(
            "1.1.0",
            2,
            "--advisory",
            "CVE-2026-1234:critical:The web interface took any password.",
            "--advisory-action",
            "CVE-2026-1234:Update now, then change the administrator's password.",
        )
        return self.stage.client("check")

    def install_second(self) -> str:
        output = self.stage.client("install", "--progress")
        shown = [" ".join(step.split()) for step in re.findall(r"\w+ +\d+ %", output)]
        self.stage.run("ota-client", "simulate", "boot", self.folder / "device")
        self.stage.client("mark-good")
        return f"progress: {', '.join(shown[:: max(1, len(shown) // 5)])}\n" + self.stage.client(
            "status"
        )

    # the attack lab

    def replay(self) -> str:
        with self._hostile(self.folder / "recorded"):
            return self.stage.refused("check", code="metadata-rollback", expect=10)

    def replay_after_wipe(self) -> str:
        shutil.rmtree(self.folder / "device" / "state" / "tuf")
        with self._hostile(self.folder / "recorded"):
            return self.stage.refused("check", code="metadata-rollback", expect=10)

    def lower_index(self) -> str:
        self._make_device("veteran", rollback_index=5)
        return self.stage.refused("install", code="rollback-index", expect=12, device="veteran")

    def downgrade(self) -> str:
        return self.stage.refused("install", "--version", "1.0.0", code="downgrade", expect=12)

    def cut_the_power(self) -> str:
        self._release("1.2.0", 2)
        self.stage.kill_in_the_middle("install")
        before = self.stage.client("status")
        sent = self._sent_bytes()
        self.stage.client("install")
        resumed = self._sent_bytes() - sent
        data = next((self.repository / "published" / "targets").glob("*/1.2.0/*.data"))
        whole = data.stat().st_size
        self.stage.run("ota-client", "simulate", "boot", self.folder / "device")
        self.stage.client("mark-good")
        part = re.search(r"^(\w+) +1\.2\.0 \(in part\) +\d+ +no$", before, re.MULTILINE)
        if part is None or not re.search(r"^running +1\.1\.0 ", before, re.MULTILINE):
            raise StepFailedError(f"expected a slot that was written in part, got:\n{before}")
        return (
            f"slot {part[1]} held 1.2.0 in part, and could not boot; the device ran 1.1.0\n"
            f"then install again fetched the missing {resumed / MIB:.1f} MiB of {whole / MIB:.1f}, "
            "and 1.2.0 runs"
        )

    def flip_a_bit(self) -> str:
        self._release("1.3.0", 2)
        copy = self.folder / "flipped"
        shutil.copytree(self.repository / "published", copy)
        data = next((copy / "targets" / PRODUCT / "1.3.0").glob("*.rootfs.data"))
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 1
        data.unlink()
        data.write_bytes(content)
        with self._hostile(copy):
            return self.stage.refused("install", code="payload", expect=10)

    def bad_release(self) -> str:
        self.stage.client("install")
        fell = self.stage.run("ota-client", "simulate", "fail-boot", self.folder / "device")
        answer = self.stage.refused("install", code="known-bad-release", expect=12)
        return f"{fell.strip()}\n{answer}"

    # the fleet

    def enrol_fleet(self) -> str:
        self.fleet = SimulatedFleet(self.stage, self.address)
        self.living.enter_context(self.fleet.living(version="1.2.0", rollback_index=2))
        return self.fleet.wait_until_enrolled()

    def roll_out_bad(self) -> str:
        self._release_small(BAD)
        self.fleet.operate("group", "create", PRODUCT, "all", f"hardware_id = {BOARD}")
        return self.fleet.roll_out(BAD, expect=12)

    def roll_out_mended(self) -> str:
        self._release_small(MENDED)
        return self.fleet.roll_out(MENDED, expect=0)

    def ask_the_fleet(self) -> str:
        self.living.close()
        return self.fleet.summary()

    # the dashboard

    def open_dashboard(self) -> str:
        return self.dashboard.answer()

    def furnish_showroom(self) -> str:
        return furnish_showroom(self.stage, self.folder / "showroom")

    @property
    def dashboard(self) -> Dashboard:
        """The pages of the server that the whole demo was about."""
        return Dashboard(self.stage, self.address, self.folder / "server")

    @property
    def showroom(self) -> Dashboard:
        """Those of a fleet with a longer past."""
        return Dashboard(self.stage, "", self.folder / "showroom")

    # what the steps share

    def _release_small(self, version: str) -> None:
        small_image(self._image(version))
        self._release(version, 2)

    def _release(self, version: str, index: int, *more: object) -> None:
        run, image = self.stage.run, self._image(version)
        facts = ("--product", PRODUCT, "--version", version, "--rollback-index", index)
        target = ("--hardware-id", BOARD, "--image", f"rootfs={image}", "--channel", "stable")
        run("ota-sign", "release", "add", *facts, *target, *more)
        for command in ("review", "sign", "publish"):
            run("ota-sign", command)

    def _image(self, version: str) -> Path:
        return self.folder / f"gateway-{version}.img"

    def _make_device(self, name: str, *, rollback_index: int) -> None:
        root = self.repository / "published" / "metadata" / "1.root.json"
        self.stage.run(
            *("ota-client", "simulate", "init", self.folder / name),
            *("--root", root, "--url", self.address, "--product", PRODUCT),
            *("--hardware-id", BOARD, "--slot-mib", IMAGE_BYTES // MIB),
            *("--version", "0.9.0", "--rollback-index", rollback_index),
            *("--ca-file", self.folder / "server" / "ca.pem"),
        )

    def _update(self) -> None:
        self.stage.client("install")
        self.stage.run("ota-client", "simulate", "boot", self.folder / "device")
        self.stage.client("mark-good")

    def _hostile(self, published: Path) -> "_Hostile":
        return _Hostile(self, published)

    def _sent_bytes(self) -> int:
        log = (self.folder / "server.log").read_text()
        return sum(int(sent) for sent in re.findall(r"\.data 20[06] (\d+) B", log))


class _Hostile:
    """For a while the device's network leads to somebody else's server."""

    def __init__(self, demo: Demo, published: Path) -> None:
        self._demo = demo
        self._server = demo.stage.server(published, log=demo.folder / "hostile.log")

    def __enter__(self) -> None:
        self._demo.stage.point("device", self._server.__enter__())

    def __exit__(self, *failure: object) -> None:
        self._server.__exit__(*failure)
        self._demo.stage.point("device", self._demo.address)


STEPS: list[tuple[str, Callable[[Demo], str]]] = [
    ("Build four firmware images", Demo.make_images),
    ("Make keys and a repository", Demo.make_repository),
    ("Sign and publish release 1.0.0", Demo.release_first),
    ("Make a device with two slots; it asks over HTTPS", Demo.make_device),
    ("Install 1.0.0, boot it on trial, confirm it", Demo.install_first),
    ("Publish 1.1.0 with a security advisory: the device's owner is told", Demo.release_second),
    ("Update to 1.1.0; the stored rollback index rises", Demo.install_second),
    ("Tried: replay the repository as it was at 1.0.0. The device answers:", Demo.replay),
    ("Tried: wipe the device's TUF cache, replay again. The device answers:", Demo.replay_after_wipe),
    ("Tried: offer index 2 to a device that stored 5. The device answers:", Demo.lower_index),
    ("Tried: ask for the genuine, signed 1.0.0 again. The device answers:", Demo.downgrade),
    ("Tried: cut the power in the middle of installing 1.2.0. Then:", Demo.cut_the_power),
    ("Tried: flip one bit in the payload of 1.3.0. The device answers:", Demo.flip_a_bit),
    ("Tried: 1.3.0, sound but it never comes up. Then:", Demo.bad_release),
    (f"{DEVICES} simulated devices enrol with the operator's token", Demo.enrol_fleet),
    (
        f"Roll {BAD} out, {AT_ONCE} at a time; it never comes up. The rollout halts by itself:",
        Demo.roll_out_bad,
    ),
    (f"Publish {MENDED}, mended, and roll it out:", Demo.roll_out_mended),
    ("What the devices saw:", Demo.ask_the_fleet),
    ("The server shows it all to people:", Demo.open_dashboard),
    ("A second server has a fleet with a longer past, to look around in:", Demo.furnish_showroom),
]
TITLES = {1: "The way of a release", 8: "The attack lab", 15: "The fleet", 19: "The dashboard"}


def main() -> int:
    """Play the demo in a temporary folder, or keep it in one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="work in this new folder and keep it")
    parser.add_argument("--verbose", action="store_true", help="show each command")
    options = parser.parse_args()
    if options.keep is None:
        with tempfile.TemporaryDirectory(prefix="ratchet-demo-") as folder:
            return _play(Path(folder), options)
    if options.keep.exists() and any(options.keep.iterdir()):
        print(f"demo: expected a new or empty folder, got {options.keep}", file=sys.stderr)
        return 2
    options.keep.mkdir(parents=True, exist_ok=True)
    return _play(options.keep.absolute(), options)


def _play(folder: Path, options: argparse.Namespace) -> int:
    stage = Stage(folder, verbose=options.verbose)
    demo = Demo(stage)
    with demo.running:
        held, steps = demo.play()
        print(f"\ndemo: {held} of {steps} steps held", flush=True)
        if held == steps and is_asked_to_stay():
            demo.dashboard.stay()
    if held < steps:
        return 1
    if options.keep:
        _print_next(folder)
    dashboard, showroom = demo.dashboard, demo.showroom
    if not options.keep:
        dashboard, showroom = dashboard.leave(LEFT / "server"), showroom.leave(LEFT / "showroom")
    dashboard.print_way_in("The dashboard, with all this in it.")
    showroom.print_way_in("The same of the made-up fleet with two months behind it.")
    if not is_asked_to_stay():
        print("\n`make demo DEMO_STAY=1` serves the first right away, until Ctrl-C.")
    return 0


def _print_next(folder: Path) -> None:
    scripts = Path(sys.executable).parent
    print(f"\nEverything is in {folder}. Try next:")
    print(f"  {scripts}/ota-client --config {folder}/device/ota-client.toml status")
    print(f"  {scripts}/ota-sign --repo {folder}/repository release list")
    print(f"  {scripts}/ota-server rollout list --config {folder}/server/ota-server.toml")


if __name__ == "__main__":
    sys.exit(main())
