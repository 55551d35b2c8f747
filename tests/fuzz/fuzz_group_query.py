"""Any text is a group query that reads as it is written, or an InvalidError of one line.

python tests/fuzz/fuzz_group_query.py -runs=10000
"""

from fuzzing import fuzz, watched

with watched():
    from ota_client.formats.version import Version
    from ota_server.devices.group_query import DeviceFacts, parse
    from ota_server.errors import InvalidError

FACTS = DeviceFacts("cam-1", "camera", "cam-v2", Version(1, 0, 0), 1, "idle", ("beta",), {"a": "eu"})


def target(data: bytes) -> None:
    try:
        query = parse(data.decode(errors="surrogateescape"))
    except InvalidError as e:
        if not str(e).isprintable():
            raise AssertionError("an error of more than one line") from e
        return
    assert parse(str(query)) == query
    assert query.matches(FACTS) in {True, False}


if __name__ == "__main__":
    fuzz(target)
