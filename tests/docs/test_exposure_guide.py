"""The guide to exposure, command by command, without a process for each."""

import re
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from console_page import _missing, commands_of
from pages import DOCS, read
from support.fleet import add_devices
from support.memory_repository import HARDWARE, PRODUCT, MemoryRepository, Release
from support.operator import Operator
from support.security_files import BUSYBOX, FLASK, OPENSSL, component, cyclonedx

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_server.cli import main

PAGE = DOCS / "how-to" / "know-what-is-exposed.md"
FILES = re.compile(r"This one is `([a-z.]+)`:\n\n```json\n(.*?)```", re.DOTALL)


def publish(folder):
    weakness = Advisory(
        "CVE-2026-1234",
        Severity.HIGH,
        "A web page could read the admin's session.",
        "Log out.",
        Version.parse("1.1.0"),
    )
    flask = component(FLASK, licenses=[{"license": {"id": "BSD-3-Clause"}}])
    old = cyclonedx(components=[flask, component(OPENSSL)])
    new = cyclonedx(OPENSSL, BUSYBOX, "pkg:pypi/flask@2.3.2", subject="pkg:generic/acme/gateway@1.1.0")
    repository = MemoryRepository(now=datetime.now(UTC) - timedelta(hours=1))
    repository.add(Release("1.0.0", sbom=old))
    repository.put(Release("1.1.0", rollback_index=2, advisories=(weakness,), sbom=new))
    for name, data in repository.files.items():
        path = folder / "published" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Who follows the guide, with a server of four devices and two releases."""
    folder = tmp_path / "server"
    assert CliRunner().invoke(main, ["init", str(folder)]).exit_code == 0
    publish(folder)
    operator = Operator(folder)
    with operator.begin() as connection:
        for number in range(1, 5):
            version = "1.1.0" if number == 4 else "1.0.0"
            values = {"product": PRODUCT, "hardware_id": HARDWARE, "running_version": version}
            add_devices(connection, [f"gw-{number}"], **values)
    for name, text in FILES.findall(read(PAGE)):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return operator


@pytest.mark.system
def test_the_guide_does_what_it_says(reader):
    for command in commands_of(PAGE):
        program, *words = shlex.split(command.text)
        assert program == "ota-server"
        output = [line.rstrip() for line in reader.run(*words).output.splitlines()]
        missing = _missing(command.expected, output)
        assert missing is None, f"$ {command.text}\nexpected: {missing}\ngot:\n" + "\n".join(output)
