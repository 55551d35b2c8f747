"""Any bytes are an OSV or a CSAF document that says something of each component, or an InvalidError.

python tests/fuzz/fuzz_advisory.py -runs=10000
"""

import contextlib

from fuzzing import fuzz, watched

with watched():
    from ota_server.errors import InvalidError
    from ota_server.security.component import BillOfMaterials, Component
    from ota_server.security.importing import parse
    from ota_server.security.matching import Contents, weak_parts

_BILL = BillOfMaterials(
    "test", Component("gw", "1", "pkg:generic/gw@1"), (Component("a", "1.0", "pkg:pypi/a@1.0"),)
)
_CONTENTS = Contents.of("gateway", "1.0.0", _BILL)


def target(data: bytes) -> None:
    with contextlib.suppress(InvalidError):
        weak_parts(_CONTENTS, parse(data))


if __name__ == "__main__":
    fuzz(target)
