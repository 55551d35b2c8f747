"""The server's packages stand on each other in one order: docs/adr/0023-operations-and-audit.md."""

import pytest
from source_tree import imports, sources

DOMAIN = ("devices", "notify", "operators", "privacy", "rollouts", "security", "uploads")
DOORS = ("cli", "web")
MAY_NOT_IMPORT = {
    "database": ("journal", *DOMAIN, "operations", *DOORS),
    "journal": (*DOMAIN, "operations", *DOORS),
    **dict.fromkeys(DOMAIN, ("operations", *DOORS)),
    "operations": DOORS,
}


@pytest.mark.parametrize("package", MAY_NOT_IMPORT)
def test_a_package_imports_nothing_that_stands_on_it(package):
    above = tuple(f"ota_server.{name}." for name in MAY_NOT_IMPORT[package])
    found = {
        (str(path), name)
        for path in sources(f"ota_server/{package}")
        for name in imports(path)
        if f"{name}.".startswith(above)
    }
    assert found == set()


# what it reads it hands to each listener by product
_LIVE = "ota_server/web/pages/live.py"


def test_the_pages_and_the_routes_of_the_api_read_no_table():
    """Where they did, nobody would ask whose things they show (B10)."""
    for path in sources("ota_server/web/api/routes", "ota_server/web/pages"):
        found = {name for name in imports(path) if name.startswith("ota_server.database.schema")}
        assert not found or str(path) == _LIVE, path
