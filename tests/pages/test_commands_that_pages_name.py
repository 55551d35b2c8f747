"""A command that a page or an error sentence names is one that there is."""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import pytest

import ota_server

HOME = Path(ota_server.__file__).parent
TEMPLATES = HOME / "web" / "pages" / "templates"
MAINS = {"ota-client": "ota_client.cli", "ota-server": "ota_server.cli", "ota-sign": "signing.cli"}
# what is filled in: {{ release.version }} in a text, " ~ product ~ " in a macro's argument
FILLED_IN = re.compile(r"{{.*?}}|\"\s*~.*?~\s*\"")
COMMAND = re.compile(
    r"\b(ota-(?:client|server|sign))((?: [^\s<>\"'`{}\\,;:]+)*)(?=[<\"`\\]|$)", re.MULTILINE
)


@cache
def in_templates():
    return sorted(set(_in_templates()))


@cache
def in_sentences():
    return sorted(set(_in_sentences()))


def _in_templates():
    for file in sorted(TEMPLATES.rglob("*.html")):
        for match in COMMAND.finditer(FILLED_IN.sub("VALUE", file.read_text())):
            yield f"{file.name}: {match[0].strip()}"


def _in_sentences():
    """Between back quotes, in any text of the code that is not a docstring's alone."""
    for file in sorted(HOME.rglob("*.py")):
        source = file.read_text()
        if "`ota-" not in source:
            continue
        for text in map(_text, ast.walk(ast.parse(source))):
            for line in re.findall(r"`(ota-(?:client|server|sign)(?: [^`]*)?)`", text):
                yield f"{file.name}: {' '.join(line.split())}"


def _text(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "VALUE" for p in node.values)
    return ""


def mistake_in(line):
    """What is wrong with a command line; empty if nothing is."""
    name, *words = line.partition(": ")[2].split()
    command = import_module(MAINS[name]).main
    context = click.Context(command, info_name=name)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(context, words.pop(0))
        if command is None:
            return "there is no such command"
        context = click.Context(command, parent=context, info_name=command.name)
    return "" if isinstance(command, click.Group) else _mistake_in_words(command, context, words)


def _mistake_in_words(command, context, words):
    # an option may be spoken of without its value: `publish --to`
    takes_value = [o for p in command.params if not getattr(p, "is_flag", True) for o in p.opts]
    words = [*words, "VALUE"] if words and words[-1] in takes_value else words
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as e:
        return e.message
    arguments = [
        p.name for p in command.params if isinstance(p, click.Argument) and p.required and p.nargs == 1
    ]
    lacking = [name for name in arguments if given.get(name) not in words]
    if rest:
        return f"unexpected {rest}"
    return f"it lacks {lacking}" if lacking and len(lacking) < len(arguments) else ""


def test_commands_are_found_where_they_stand():
    assert len(in_templates()) >= 5
    assert len(in_sentences()) >= 30


@pytest.mark.parametrize("found", [in_templates, in_sentences], ids=["pages", "sentences"])
def test_every_command_that_is_named_is_one(found):
    wrong = {line: mistake for line in found() if (mistake := mistake_in(line))}

    assert wrong == {}


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("x: ota-server group create --product VALUE --name all --query Q", "No such option"),
        ("x: ota-client enrol --token-file TOKEN", "no such command"),
        ("x: ota-server group create camera all", "it lacks"),
        ("x: ota-server group create camera all Q more", "unexpected"),
    ],
)
def test_a_command_that_is_none_is_found(line, mistake):
    assert mistake in mistake_in(line)
