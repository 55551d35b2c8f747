"""Any bytes are a payload index that reads as it is written and makes sense, or a PayloadError.

python tests/fuzz/fuzz_index.py -runs=10000
"""

from fuzzing import fuzz, watched

with watched():
    from ota_client.errors import PayloadError
    from ota_client.payload import Index, decode_frame, runs


def target(data: bytes) -> None:
    try:
        index = Index.from_bytes(data)
    except PayloadError:
        return
    assert index.to_bytes() == data
    assert sum(region.size_bytes for region in index.regions) == index.image_bytes
    assert sum(region.frame_bytes for region in index.regions) == index.data_bytes
    framed = [region for region in index.regions if region.frame_bytes]
    assert [region for run in runs(index.regions) for region in run] == framed
    try:
        decode_frame(index.regions[0], data)
    except PayloadError:
        return
    raise AssertionError("an index is no frame of its own")


if __name__ == "__main__":
    fuzz(target)
