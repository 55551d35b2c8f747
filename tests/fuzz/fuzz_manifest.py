"""Any bytes are a manifest that reads as it is written, or a ManifestError.

python tests/fuzz/fuzz_manifest.py -runs=10000
"""

import contextlib

from fuzzing import fuzz, watched

with watched():
    from ota_client.errors import ManifestError
    from ota_client.manifest import ReleaseManifest


def target(data: bytes) -> None:
    with contextlib.suppress(ManifestError):
        assert ReleaseManifest.from_bytes(data).to_bytes() == data


if __name__ == "__main__":
    fuzz(target)
