"""Any bytes are the list of an upload's files, whose names stay below their folder, or an InvalidError.

python tests/fuzz/fuzz_upload_list.py -runs=10000
"""

import contextlib
from pathlib import PurePosixPath

from fuzzing import fuzz, watched

with watched():
    from ota_server.errors import InvalidError
    from ota_server.uploads.listing import UploadList


def target(data: bytes) -> None:
    with contextlib.suppress(InvalidError):
        found = UploadList.parse(data)
        assert UploadList.parse(found.to_bytes()) == found
        for file in found.files:
            assert PurePosixPath(file.name).parts[0] in {"metadata", "targets"}
            assert not {"..", ".", ""} & set(file.name.split("/"))


if __name__ == "__main__":
    fuzz(target)
