"""Any bytes are a boot entry of EFI that reads as it is written, or a BootControlError of one line.

python tests/fuzz/fuzz_efi.py -runs=10000
"""

from fuzzing import fuzz, watched

with watched():
    from ota_client.bootcontrol.efi.load_option import LoadOption
    from ota_client.errors import BootControlError


def target(data: bytes) -> None:
    try:
        option = LoadOption.parse(data, "Boot0001")
    except BootControlError as e:
        if not str(e).isprintable():
            raise AssertionError("an error of more than one line") from e
        return
    assert option.to_bytes() == data
    assert option.activated.active


if __name__ == "__main__":
    fuzz(target)
