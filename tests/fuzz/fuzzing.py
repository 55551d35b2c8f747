"""Runs a target under atheris, which watches its branches (``pip install ratchet-ota[fuzz]``).

Without atheris the targets are plain functions, which ``test_fuzz_targets.py`` calls.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory


def watched() -> AbstractContextManager[object]:
    """Around the imports of what is fuzzed: atheris counts the branches of what is imported there."""
    if not Path(sys.argv[0]).name.startswith("fuzz_"):
        return nullcontext()
    import atheris

    return atheris.instrument_imports(include=["ota_client", "ota_server", "tomllib"])


def fuzz(target: Callable[[bytes], None]) -> None:
    """Fuzz from the seeds, with libFuzzer's arguments, such as ``-runs=10000``."""
    import atheris
    from seeds import SEEDS

    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], target)
        atheris.Fuzz()
