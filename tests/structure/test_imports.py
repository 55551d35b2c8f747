"""Who may import whom: docs/explanation/architecture.md."""

import subprocess
import sys

import pytest
from source_tree import ROOT, importers, imports, sources, third_parties

WEB = ("starlette", "uvicorn", "httptools", "fastapi", "jinja2")
FLEET = ("alembic", "msgspec", "obstore", "prometheus_client", "psycopg", "sqlalchemy")
# Files that decide: they get the time, bytes and answers as arguments.
DECIDE = (
    "compatibility",
    "errors",
    "fleet/news",
    "manifest",
    "metadata_checks",
    "payload",
    "recovery",
    "release",
    "rollback",
    "formats/strict",
    "formats/version",
)
DO = ("os", "io", "pathlib", "socket", "ssl", "subprocess", "tempfile", "time", "random", "secrets")


def test_the_device_imports_neither_sibling():
    assert importers("signing", "ota_client") == importers("ota_server", "ota_client") == set()


def test_the_desk_and_the_server_do_not_know_each_other():
    assert importers("signing", "ota_server") == importers("ota_server", "signing") == set()


@pytest.mark.parametrize("package", WEB + FLEET)
def test_only_the_server_imports_its_packages(package):
    assert importers(package, "ota_client", "signing") == set()


def test_the_servers_domain_knows_nothing_of_http():
    domain = [path for path in sources("ota_server") if path.parts[1] not in {"web", "cli.py", "cli"}]
    for path in domain:
        assert not third_parties(path) & set(WEB), path
        assert not any(name.startswith("ota_server.web") for name in imports(path)), path


def test_the_device_imports_click_in_its_command_only():
    assert {path for path in importers("click", "ota_client") if "/cli" not in path} == set()


def test_only_trust_imports_the_tuf_client():
    assert importers("tuf.ngclient", "ota_client", "ota_server", "signing") == {"ota_client/trust.py"}


def test_tuf_stays_behind_trust():
    assert importers("tuf", "ota_client") == {"ota_client/metadata_checks.py", "ota_client/trust.py"}


def test_only_fetch_imports_requests():
    assert importers("requests", "ota_client", "signing", "ota_server") == {"ota_client/fetch.py"}


def test_each_file_of_the_device_needs_what_it_is_known_to_need():
    """Everything that is not named here imports the standard library alone."""
    needs = {
        str(path): packages
        for path in sources("ota_client")
        if (packages := third_parties(path) - {"click"})
    }
    assert {path for path in needs if "/network/" not in path and path != "ota_client/fetch.py"} == {
        "ota_client/doctor/certificates.py",
        "ota_client/fleet/enrolment.py",
        "ota_client/metadata_checks.py",
        "ota_client/payload.py",
        "ota_client/trust.py",
    }
    assert needs["ota_client/payload.py"] == {"backports", "compression"} - set(sys.stdlib_module_names)
    network = set().union(*(packages for path, packages in needs.items() if "/network/" in path))
    assert network <= {"urllib3"}


@pytest.mark.parametrize("name", DECIDE)
def test_what_decides_does_nothing(name):
    top = {
        module.partition(".")[0] for module in imports(sources("ota_client")[0].parent / f"{name}.py")
    }
    assert not top & set(DO)


def test_importing_the_device_library_loads_nothing_heavy():
    heavy = ("tuf", "securesystemslib", "cryptography", "requests", "urllib3", "click", "ssl", *WEB)
    script = f"import ota_client, sys; print(sorted({{*sys.modules}} & {{*{heavy!r}}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_device_loads_the_back_end_of_its_own_boot_loader_alone():
    script = (
        "import sys; from pathlib import Path; from ota_client.bootcontrol.settings import BootSettings;"
        "from ota_client import ConfigError; from ota_client.formats.strict import Fields;"
        'table = Fields({"control": "file", "record": "r"}, "boot", ConfigError);'
        "BootSettings.read(table, lambda name: Path(table.text(name)));"
        'print(sorted(m for m in sys.modules if m.startswith("ota_client.bootcontrol.")))'
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    own = ("booted", "control", "file", "settings")
    assert done.stdout == f"{[f'ota_client.bootcontrol.{name}' for name in own]}\n"
