import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest
from pages import REFERENCE, read, rows

from ota_client.errors import OtaError

CODE, EXIT, RETRY = range(3)


def import_everything() -> None:
    for package in ("ota_client", "ota_server", "signing"):
        folder = import_module(package)
        for module in pkgutil.walk_packages(folder.__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)


def subclasses(error: type[OtaError]) -> Iterator[type[OtaError]]:
    yield error
    for narrower in error.__subclasses__():
        yield from subclasses(narrower)


def errors() -> list[type[OtaError]]:
    import_everything()
    ours = ("ota_client", "ota_server", "signing")
    return [error for error in subclasses(OtaError) if error.__module__.split(".")[0] in ours]


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    found = rows(read(REFERENCE / "errors.md"))
    return {row[CODE].strip("`"): row for row in found if row[CODE].startswith("`")}


def test_every_error_code_has_a_row_with_its_exit_code(table):
    expected = {e.code: [str(e.exit_code), "yes" if e.retryable else "no"] for e in errors()}
    found = {code: [row[EXIT], row[RETRY]] for code, row in table.items()}
    assert found == expected


def test_no_two_errors_share_a_code():
    codes = [error.code for error in set(errors())]
    assert len(codes) == len(set(codes))


def test_every_exit_code_is_in_the_reference_of_its_command():
    client = {row[0] for row in rows(read(REFERENCE / "ota-client.md"))}
    device = {e.exit_code for e in errors() if e.__module__.startswith("ota_client")}
    assert {str(code) for code in device} <= client
