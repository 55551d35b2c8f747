"""Any bytes are a bill of materials whose package URLs can be read, or a SbomError.

python tests/fuzz/fuzz_sbom.py -runs=10000
"""

import contextlib

from fuzzing import fuzz, watched

with watched():
    from ota_server.errors import SbomError
    from ota_server.security.matching import Contents
    from ota_server.security.sbom import parse


def target(data: bytes) -> None:
    with contextlib.suppress(SbomError):
        Contents.of("gateway", "1.0.0", parse(data))


if __name__ == "__main__":
    fuzz(target)
