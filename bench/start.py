"""How fast the commands and the library start."""

from functools import partial
from pathlib import Path
from typing import Final

from bench import process
from bench.figure import Figure

_HELP_MOST_S: Final = 0.3
_BARE: Final = "python -c pass"
_PACKAGES: Final = {"ota-client": "ota_client", "ota-server": "ota_server", "ota-sign": "signing"}
_COUNT_MODULES: Final = "import sys{}; print(len(sys.modules))"


def measure(_folder: Path, *, quick: bool) -> list[Figure]:
    """Measure starts; ``quick`` takes one repetition."""
    runs = process.interleaved(
        1 if quick else 9,
        nothing=lambda: process.run("-c", _COUNT_MODULES.format("")),
        library=lambda: process.run("-c", _COUNT_MODULES.format(", ota_client")),
        **{
            name: partial(process.run, *process.command(package, "--help"))
            for name, package in _PACKAGES.items()
        },
    )
    nothing = process.cpu_s(runs["nothing"])
    modules, modules_of_nothing = (int(runs[name][0].output) for name in ("library", "nothing"))
    return [
        *(
            Figure(
                "start",
                f"CPU of `{name} --help`",
                process.cpu_s(runs[name]),
                "s",
                _BARE,
                nothing,
                most=_HELP_MOST_S,
            )
            for name in _PACKAGES
        ),
        Figure(
            "start", "CPU of `import ota_client`", process.cpu_s(runs["library"]), "s", _BARE, nothing
        ),
        Figure("start", "modules after it", modules, "", _BARE, modules_of_nothing),
    ]
