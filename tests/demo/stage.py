"""What the demo plays on: firmware made of this machine's files, real commands, a real HTTPS server."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

IMAGE_BYTES = 64 * 1024 * 1024
_MOVED_BYTES = 4096
_SOURCES = ("/usr/lib", "/usr/bin", "/usr/share", sys.prefix, sys.base_prefix)


class StepFailedError(Exception):
    """A step of the demo did not hold."""


def firmware(path: Path) -> Path:
    """Write a firmware image of real files."""
    with path.open("wb") as image:
        for chunk in _real_files():
            image.write(chunk[: IMAGE_BYTES - image.tell()])
            if image.tell() == IMAGE_BYTES:
                return path
    raise StepFailedError(f"expected {IMAGE_BYTES} bytes of files below {_SOURCES}, got fewer")


def next_firmware(path: Path, before: Path) -> Path:
    """Write the next image: everything has moved by a block, as after a new build."""
    content = before.read_bytes()
    path.write_bytes(content[_MOVED_BYTES:] + content[:_MOVED_BYTES])
    return path


def _real_files() -> Iterator[bytes]:
    for source in _SOURCES:
        for folder, names, files in os.walk(source):
            names.sort()
            for name in sorted(files):
                file = Path(folder, name)
                if file.is_file() and not file.is_symlink() and os.access(file, os.R_OK):
                    yield file.read_bytes()


@dataclass
class Stage:
    """The folder of the demo and its commands.

    Attributes:
        folder: everything is below it.
        verbose: show each command.
    """

    folder: Path
    verbose: bool = False
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def __post_init__(self) -> None:
        passphrase = self.folder / "passphrase"
        descriptor = os.open(passphrase, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("demo: a real one is typed, or comes from a secret store\n")
        self.environment |= {
            "OTA_SIGN_PASSPHRASE_FILE": str(passphrase),
            "OTA_SIGN_REPO": str(self.folder / "repository"),
        }

    def run(self, *command: object, expect: int = 0) -> str:
        """Run one of our commands; both of its streams, or a failed step."""
        words = [str(word) for word in command]
        if self.verbose:
            print(f"      $ {' '.join(words)}")
        done = subprocess.run(
            [program(words[0]), *words[1:]],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        if done.returncode != expect:
            raise StepFailedError(
                f"{' '.join(words)}: expected exit {expect}, got {done.returncode}:\n{output}"
            )
        return output

    def client(self, *command: object, device: str = "device", expect: int = 0) -> str:
        """Run ``ota-client`` on one of the simulated devices."""
        settings = self.folder / device / "ota-client.toml"
        return self.run("ota-client", "--config", settings, *command, expect=expect)

    def refused(self, *command: object, code: str, expect: int, device: str = "device") -> str:
        """Run ``ota-client``, expect it to refuse with ``code``, and return its sentence."""
        output = self.client(*command, device=device, expect=expect)
        sentence = output.strip().splitlines()[-1]
        if f"[{code}]" not in sentence:
            raise StepFailedError(f"expected the device to answer [{code}], got: {sentence}")
        return sentence.removeprefix("ota-client: ")

    def kill_in_the_middle(self, *command: object) -> None:
        """Run ``ota-client`` on the device and kill it as soon as it has written a part."""
        settings = self.folder / "device" / "ota-client.toml"
        words = ["--config", str(settings), *map(str, command), "--progress"]
        process = subprocess.Popen(
            [program("ota-client"), *words], env=self.environment, stderr=subprocess.PIPE, text=True
        )
        seen = ""
        while process.poll() is None and not re.search(r"downloading +[1-9]\d %", seen):
            seen += process.stderr.read(1)
        process.kill()
        process.wait()
        process.stderr.close()

    @contextmanager
    def server(self, published: Path, *, log: Path) -> Iterator[str]:
        """Serve a folder over HTTPS on a free port; yields the address."""
        command = ("serve", "--config", str(self.folder / "server" / "ota-server.toml"))
        options = ("--published", str(published), "--port", "0")
        with log.open("w") as errors:
            process = subprocess.Popen(
                [program("ota-server"), *command, *options],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            line = process.stdout.readline()
            if not line.startswith("ready: "):
                raise StepFailedError(f"expected a server, got: {log.read_text()}")
            yield line.removeprefix("ready: ").strip()
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()

    def point(self, device: str, address: str) -> None:
        """Make a device ask another server."""
        settings = self.folder / device / "ota-client.toml"
        lines = settings.read_text().splitlines()
        told = [f'urls = ["{address}/"]' if line.startswith("urls") else line for line in lines]
        settings.write_text("\n".join(told) + "\n")


def program(name: str) -> str:
    """One of our commands, from the environment that runs the demo."""
    return str(Path(sysconfig.get_path("scripts"), name))
