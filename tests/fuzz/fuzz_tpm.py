"""Any bytes are a TPM's answer, or a CounterError of one line.

python tests/fuzz/fuzz_tpm.py -runs=10000
"""

import contextlib

from fuzzing import fuzz, watched

with watched():
    from ota_client.counters.tpm_messages import parse_answer, parse_public, parse_value, sized
    from ota_client.errors import CounterError

_NV_INDEX = 0x1500016


def target(data: bytes) -> None:
    for authorised in (False, True):
        try:
            answer = parse_answer(data, authorised=authorised)
        except CounterError as e:
            if "\n" in str(e):
                raise AssertionError("an error of more than one line") from e
            continue
        assert answer.code == int.from_bytes(data[6:10], "big")
        assert len(answer.parameters) < len(data)
    with contextlib.suppress(CounterError):
        assert sized(parse_value(data, 8)) == data
    with contextlib.suppress(CounterError):
        assert parse_public(data, _NV_INDEX).size_bytes < 2**16


if __name__ == "__main__":
    fuzz(target)
