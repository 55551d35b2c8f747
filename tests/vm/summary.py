"""One line that says how much the tests of a whole machine tried, and the same for `make bench`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

FILE: Final = Path(__file__).parents[2] / "build/vm/summary.json"
_NAMES: Final = ("boots", "kills", "prefixes", "replayed")


def summary_line(stats: Mapping[str, Sequence[pytest.TestReport]]) -> str:
    """The line, also left in a file; empty where no such test ran."""
    tests = [
        (outcome, dict(report.user_properties))
        for outcome in ("passed", "failed")
        for report in stats.get(outcome, [])
        if report.when == "call" and "/vm/" in report.nodeid
    ]
    if not tests:
        return ""
    boots, kills, prefixes, replayed = counts = [
        sum(int(str(facts.get(f"vm {name}", 0))) for _, facts in tests) for name in _NAMES
    ]
    FILE.write_text(json.dumps(dict(zip(_NAMES, counts, strict=True))))
    seeds = [str(facts["vm seed"]) for _, facts in tests if "vm seed" in facts]
    seed = f" (seed {', '.join(seeds)})" if seeds else ""
    failures = sum(outcome == "failed" for outcome, _ in tests)
    return (
        f"vm: {boots:,} boots, {kills:,} kills{seed}, {prefixes:,} prefixes checked, "
        f"{replayed:,} really booted, {failures:,} failures"
    )
