"""``make demo`` ends with a link; whoever opens it sees the fleet that it has played with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from running_dashboard import key_pin
from watched_page import launch, person

ROOT = Path(__file__).parents[2]
PASSWORD = "a demo that nobody forgets"

SERVES = r"\n  (\S+ serve --config (\S+)/ota-server.toml)\n"
LINK = r"\n  https://localhost:\d+(/welcome\?code=\S+)\n"


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What the demo says at its end."""
    folder = tmp_path_factory.mktemp("demo")
    command = (sys.executable, ROOT / "tests/demo/demo.py", "--keep", folder)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("number", [0, 1], ids=["own", "showroom"])
def test_the_link_of_the_demo_leads_to_its_fleet(played, playwright, number):
    command, folder = re.findall(SERVES, played)[number]
    # another server may have the port
    process = subprocess.Popen(
        command.split(),
        env={**os.environ, "OTA_SERVER_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        ready = process.stdout.readline()
        assert ready.startswith("ready: "), played
        url = ready.removeprefix("ready: ").strip().replace("127.0.0.1", "localhost")
        browser, link = launch(playwright, key_pin(Path(folder, "server.pem"))), re.findall(LINK, played)
        with person(browser, url) as visitor:
            (look_at_the_demo, look_at_the_showroom)[number](come_in(visitor, link[number]))
        browser.close()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def come_in(visitor, link):
    page = visitor.open(link)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("heading", name="Fell back lately")).to_be_visible()
    return page


def look_at_the_demo(page):
    expect(page.locator("a.tile", has_text="devices").first).to_contain_text("50")
    page.get_by_role("link", name="to-1.4.0").first.click()
    expect(page.locator("main .head .badge").first).to_have_text("halted")
    page.goto("/rollouts")
    expect(page.get_by_role("row", name="to-1.4.1")).to_contain_text("finished")


def look_at_the_showroom(page):
    expect(page.locator("a.tile", has_text="devices").first).to_contain_text("200")
    for chart in ("How many devices ran which version", "How many devices ran what has how bad"):
        expect(page.get_by_role("img", name=chart)).to_be_visible()
