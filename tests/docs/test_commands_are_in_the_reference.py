import re
from collections.abc import Iterator
from importlib import import_module

import click
import pytest
from pages import REFERENCE, read

COMMANDS = {
    "ota-client": "ota_client.cli",
    "ota-server": "ota_server.cli",
    "ota-sign": "signing.cli",
}


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from walk(part, (*path, name))


def is_named(word: str, page: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page) is not None


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_flag_and_variable_is_named(name):
    page = read(REFERENCE / f"{name}.md")
    missing = []
    for path, command in walk(import_module(COMMANDS[name]).main):
        missing += [path] if path and not is_named(path, page) else []
        for parameter in command.params:
            words = [*parameter.opts, *parameter.secondary_opts]
            if isinstance(parameter, click.Argument):
                words = []
            words += [parameter.envvar] if isinstance(parameter.envvar, str) else []
            missing += [f"{path} {word}" for word in words if not is_named(word, page)]
    assert not missing


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_names_no_flag_that_is_not_there(name):
    known = {"--help", "-h"}
    for other in COMMANDS.values():
        for _, command in walk(import_module(other).main):
            for parameter in command.params:
                known.update(parameter.opts, parameter.secondary_opts)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", read(REFERENCE / f"{name}.md")))
    assert named <= known
