"""Any text is a settings file, or a ConfigError of one line.

python tests/fuzz/fuzz_config.py -runs=10000
"""

from pathlib import Path

from fuzzing import fuzz, watched

with watched():
    from ota_client.config import DeviceConfig
    from ota_client.errors import ConfigError
    from ota_client.formats.strict import is_name


def target(data: bytes) -> None:
    try:
        config = DeviceConfig.parse(data.decode(errors="replace"), folder=Path("/etc/ratchet"))
    except ConfigError as e:
        if "\n" in str(e):
            raise AssertionError("an error of more than one line") from e
        return
    assert is_name(config.product)
    assert all(is_name(image) for images in config.slots.values() for image in images)
    assert all(url.startswith(("https://", "http://")) and url.endswith("/") for url in config.urls)


if __name__ == "__main__":
    fuzz(target)
