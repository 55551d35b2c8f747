"""What the source says, read from its syntax trees."""

import ast
import gc
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ota_client", "ota_server", "signing")


@cache
def sources(*folders: str) -> list[Path]:
    """All Python files below the folders, by their path from the root."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


@cache
def tree(path: Path) -> ast.Module:
    parsed = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    # it stays to the end: each later search for garbage would walk all these nodes again
    gc.freeze()
    return parsed


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, also within its functions."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(module: str, *folders: str) -> set[str]:
    """The files that import a module or something below it."""
    return {
        str(path)
        for path in sources(*folders)
        if any(f"{name}.".startswith(f"{module}.") for name in imports(path))
    }


def third_parties(path: Path) -> set[str]:
    """The top-level packages that a file imports and that are neither ours nor Python's."""
    top = {name.partition(".")[0] for name in imports(path)}
    return top - set(sys.stdlib_module_names) - set(PACKAGES)


def callers(*names: str) -> Iterator[tuple[str, str, str]]:
    """Each call of such a function or method: the file, what stands before the dot, the name."""
    for path in sources(*PACKAGES):
        for function in _called(path):
            match function:
                case ast.Name(id=name) if name in names:
                    yield str(path), "", name
                case ast.Attribute(value=before, attr=name) if name in names:
                    yield str(path), ast.unparse(before), name


@cache
def _called(path: Path) -> tuple[ast.expr, ...]:
    return tuple(node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
