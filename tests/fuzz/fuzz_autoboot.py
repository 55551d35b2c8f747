"""Any bytes mean the same as ``autoboot.txt`` after a rewrite, or are a BootControlError of one line.

python tests/fuzz/fuzz_autoboot.py -runs=10000
"""

from fuzzing import fuzz, watched

with watched():
    from ota_client.bootcontrol.raspberry_pi.autoboot import Autoboot
    from ota_client.errors import BootControlError


def target(data: bytes) -> None:
    try:
        autoboot = Autoboot.from_bytes(data)
    except BootControlError as e:
        if not str(e).isprintable():
            raise AssertionError("an error of more than one line") from e
        return
    assert autoboot.default
    assert autoboot.tryboot
    assert Autoboot.from_bytes(autoboot.to_bytes()) == autoboot


if __name__ == "__main__":
    fuzz(target)
