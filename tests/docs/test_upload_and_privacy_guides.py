"""The guides to uploads and to privacy, command by command, in processes of their own."""

import os
import sys
from pathlib import Path

import pytest
from console_page import commands_of, run_page
from pages import DOCS
from support.s3 import free_ports


@pytest.mark.system  # some twenty processes each
@pytest.mark.parametrize("page", ["publish-over-the-network", "retention-and-erasure"])
def test_the_guide_does_what_it_says(page, tmp_path):
    commands = commands_of(DOCS / "how-to" / f"{page}.md")
    (port,) = map(str, free_ports(1))
    for command in commands:
        command.text = command.text.replace("8443", port)
        command.expected = [line.replace("8443", port) for line in command.expected]
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    environment = {
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "OTA_SIGN_PASSPHRASE_FILE": str(passphrase),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    run_page(commands, folder=tmp_path, environment=environment)
