"""``python -m bench``: run the benches, print the table, write ``build/bench.json``."""

import argparse
import json
import platform
import sys
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import (
    check,
    check_in,
    deliveries,
    fleet_rollout,
    install,
    pages,
    power,
    repository,
    slot_group,
    start,
    status,
)
from bench.figure import Figure, markdown_table, text_table
from bench.process import ROOT

_BENCHES = {
    "install": install.measure,
    "slot-group": slot_group.measure,
    "check": check.measure,
    "repository": repository.measure,
    "start": start.measure,
    "status": status.measure,
    "power": power.measure,
    "check-in": check_in.measure,
    "fleet-rollout": fleet_rollout.measure,
    "deliveries": deliveries.measure,
    "pages": pages.measure,
}


def main() -> int:
    """Run what was asked for; 1 if a limit was missed."""
    arguments = _parser().parse_args()
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    figures: list[Figure] = []
    for name in arguments.only or _BENCHES:
        # Not in /tmp, which may be memory: an install ends on a disk.
        with TemporaryDirectory(dir=build, prefix="bench-") as folder:
            sys.stderr.write(f"bench {name} ...\n")
            figures += _BENCHES[name](Path(folder), quick=arguments.quick)
    arguments.output.write_text(json.dumps(_report(figures, quick=arguments.quick), indent=2) + "\n")
    table = markdown_table if arguments.markdown else text_table
    sys.stdout.write(table(figures) + "\n")
    missed = any(figure.held is False for figure in figures)
    return int(missed and not arguments.quick)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=_BENCHES, help="may be repeated")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run?")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench.json", metavar="FILE")
    return parser


def _report(figures: list[Figure], *, quick: bool) -> dict[str, object]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {cpu_count()} cores, Python {platform.python_version()}",
        "quick": quick,
        "figures": [figure.to_json() for figure in figures],
    }


if __name__ == "__main__":
    sys.exit(main())
