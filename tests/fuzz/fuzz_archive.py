"""Any bytes are an archive whose names stay within it, or a PayloadError of one line.

python tests/fuzz/fuzz_archive.py -runs=10000
"""

from fuzzing import fuzz, watched

with watched():
    from ota_client.errors import PayloadError
    from ota_client.images.archive import Archive
    from ota_client.images.files import Rules, checked


def target(data: bytes) -> None:
    archive = Archive(iter([data]))
    read = 0
    try:
        for entry in checked(archive, Rules()):
            parts = entry.name.split("/")
            assert ".." not in parts
            assert entry.name == "" or "" not in parts
            read += sum(map(len, archive.content()))
    except PayloadError as e:
        if not str(e).isprintable():
            raise AssertionError("an error of more than one line") from e
    assert read <= len(data)


if __name__ == "__main__":
    fuzz(target)
