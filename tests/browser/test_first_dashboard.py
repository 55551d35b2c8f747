"""docs/tutorial/first-dashboard.md, as a reader goes through it: its commands, and what is pressed."""

import os
import re
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import expect
from running_dashboard import key_pin
from watched_page import launch, person

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "docs"))
from console_page import Command, commands_of, run_page  # noqa: E402 - where the other guides are run

PAGE = ROOT / "docs" / "tutorial" / "first-dashboard.md"
PASSWORD = "a few words of the reader"
CVE = "CVE-2026-1234"


@dataclass
class Shell:
    """The reader's terminal, which stops where the page turns to the browser.

    Attributes:
        folder: where it works.
        port: of the server, in place of the page's.
    """

    folder: Path
    port: int
    failed: list[BaseException] = field(default_factory=list)

    def start(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, section):
        """Until it has run the commands of a section."""
        while not (self.folder / f"done-{section}").exists():
            assert self._thread.is_alive(), self.failed
            time.sleep(0.1)

    def go_on(self, section):
        (self.folder / f"go-{section}").touch()

    def end(self):
        for section in range(1, 10):
            self.go_on(section)
        self._thread.join()
        if self.failed:
            raise self.failed[0]

    def _run(self):
        environment = {
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        try:
            run_page(self._commands(), folder=self.folder, environment=environment)
        except BaseException as e:  # noqa: BLE001 - raised in the test's own thread
            self.failed.append(e)

    def _commands(self):
        _, *sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
        commands = []
        for number, section in enumerate(sections, start=1):
            part = self.folder / f"section-{number}.md"
            part.write_text(section)
            commands += map(self._at_our_port, commands_of(part))
            pause = f"touch done-{number}; until [ -e go-{number} ]; do sleep 0.1; done"
            commands.append(Command(pause))
        return commands

    def _at_our_port(self, command):
        command.text = command.text.replace("PORT=8443", f"PORT={self.port}")
        if command.text.startswith("ota-server init"):
            command.text += " | tee init.txt"
        command.expected = [
            line.replace(":8443", f":{self.port}") if line.startswith("ready") else line
            for line in command.expected
        ]
        return command


@pytest.fixture
def shell(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shell = Shell(tmp_path, port)
    shell.start()
    yield shell
    shell.end()


def test_the_tutorial_does_what_it_says(shell, playwright):
    shell.go_on(1)
    shell.wait_for(2)
    browser = launch(playwright, key_pin(shell.folder / "server/server.pem"))
    with person(browser, f"https://localhost:{shell.port}") as reader:
        page = come_in(reader, (shell.folder / "init.txt").read_text())
        shell.go_on(2)
        shell.wait_for(3)
        look_at_devices(page)
        shell.go_on(3)
        roll_out_bad(page)
        shell.go_on(4)
        shell.wait_for(5)
        roll_out_mended(page)
        shell.go_on(5)
        verify(page)
    browser.close()


def come_in(reader, said):
    link = re.search(r"https://localhost:8443(/welcome\?code=\S+)", said)[1]
    page = reader.open(link)
    expect(page.get_by_role("heading", name="Welcome, admin")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("No devices yet")).to_be_visible()
    reader.troubles.allow_refusals()
    again = reader.open(link)
    expect(again.get_by_text("expected a link that was not used")).to_be_visible()
    return page


def look_at_devices(page):
    go_to(page, "Devices")
    expect(page.get_by_role("row", name="gw-")).to_have_count(30)
    page.get_by_role("link", name="gw-00007").click()
    expect(page.get_by_role("heading", name="Slots")).to_be_visible()
    expect(page.get_by_role("link", name=CVE)).to_be_visible()
    go_to(page, "Advisories")
    page.get_by_role("link", name=CVE).click()
    expect(page.get_by_text("devices exposed now").locator("..")).to_contain_text("30")
    expect(page.get_by_text("mended in")).to_contain_text("1.1.0")


def roll_out_bad(page):
    page.get_by_role("link", name="Roll it out").click()
    plan(page, "1.1.0", "spring")
    expect(page.get_by_text("Everybody in the group is in.")).to_be_visible()
    page.get_by_role("button", name="Make the rollout").click()
    wait_until(page, "halted")
    expect(page.get_by_role("heading", name=re.compile(r"\d fell back"))).to_be_visible()


def roll_out_mended(page):
    page.get_by_role("link", name="Abort").click()
    expect(page.get_by_text("For good.")).to_be_visible()
    page.get_by_label("Reason").fill("it does not come up")
    page.get_by_role("button", name="Abort the rollout").click()
    go_to(page, "Rollouts")
    page.get_by_role("link", name="New rollout").click()
    page.get_by_role("combobox", name="Product").select_option("gateway")
    page.get_by_label("Wait between waves").fill("0")
    plan(page, "1.1.1", "mended")
    page.get_by_role("button", name="Make the rollout").click()
    wait_until(page, "finished")
    go_to(page, "Overview")
    expect(page.get_by_text("30 devices")).to_be_visible()
    go_to(page, "Advisories")
    expect(page.get_by_role("row", name=CVE).get_by_role("cell").last).to_contain_text("0")


def plan(page, release, name):
    page.get_by_label("Release").select_option(release)
    page.get_by_label("Group").select_option("all")
    page.get_by_label("Name").fill(name)
    page.get_by_role("textbox", name="Waves").fill("25%, rest")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("… of at least").fill("5")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Who is in")).to_be_visible()


def wait_until(page, state):
    """Without touching it: the page is live."""
    expect(page.locator("main .head .badge").first).to_have_text(state, timeout=120_000)


def verify(page):
    go_to(page, "Audit")
    expect(page.get_by_text("rollout.abort").first).to_be_visible()
    page.get_by_role("link", name="Verify the chain").click()
    expect(page.get_by_text("The chain holds")).to_be_visible()


def go_to(page, word):
    page.get_by_role("navigation", name="main").get_by_role("link", name=word).click()
