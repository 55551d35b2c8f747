"""The floor of an install: what no updater can do without, in a plain loop.

``python -m bench.plain_loop URL INDEX SLOT`` streams the payload's data with urllib3, decompresses its
frames, hashes the image, writes it and makes it durable. It checks nothing else.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import urllib3

from bench.own_process import peak_rss_bytes
from ota_client.payload import Codec, Index

if sys.version_info >= (3, 14):
    from compression.zstd import decompress
else:
    from backports.zstd import decompress


def install(url: str, index: Index, slot: Path) -> None:
    """Write the image whose frames are at ``url`` into ``slot``."""
    digest = hashlib.sha256()
    answer = urllib3.PoolManager().request("GET", url, preload_content=False)
    with slot.open("r+b", buffering=0) as file:
        for region in index.regions:
            match region.codec:
                case Codec.ZSTD:
                    content = decompress(answer.read(region.frame_bytes))
                case Codec.RAW:
                    content = answer.read(region.frame_bytes)
                case Codec.ZERO:
                    content = bytes(region.size_bytes)
            digest.update(content)
            file.write(content)
        os.fsync(file.fileno())
    if digest.digest() != index.image_sha256:
        sys.exit("the image is not the one that was encoded")


if __name__ == "__main__":
    install(sys.argv[1], Index.from_bytes(Path(sys.argv[2]).read_bytes()), Path(sys.argv[3]))
    sys.stdout.write(json.dumps({"peak_rss_bytes": peak_rss_bytes()}))
