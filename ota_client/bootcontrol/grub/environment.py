"""GRUB's environment block: ``name=value`` lines in a file of fixed size, which GRUB rewrites in place.

The format is that of GRUB's ``grub-core/lib/envblk.c`` and of ``grub-editenv``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ota_client.errors import BootControlError

BLOCK_BYTES: Final = 1024
_SIGNATURE: Final = b"# GRUB Environment Block\n"
_LINE = re.compile(r"#(?:\\.|[^\\\n])*\n|(?P<name>(?!#)[^=]*)=(?P<value>(?:\\.|[^\\\n])*)\n", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def pack(values: Mapping[str, str]) -> bytes:
    """Write a block as GRUB does, so that GRUB need not move anything to change a value.

    Raises:
        BootControlError: the values do not fit.
    """
    escaped = {name: value.replace("\\", "\\\\").replace("\n", "\\\n") for name, value in values.items()}
    lines = "".join(f"{name}={value}\n" for name, value in escaped.items())
    data = _SIGNATURE + lines.encode("latin-1")
    if len(data) > BLOCK_BYTES:
        raise BootControlError(
            f"GRUB environment block: expected at most {BLOCK_BYTES} bytes, got {len(data)}; "
            "give the slots shorter kernel arguments"
        )
    return data.ljust(BLOCK_BYTES, b"#")


def unpack(data: bytes) -> dict[str, str]:
    """Read a block as GRUB does: what it cannot read ends it, a name that comes twice counts last.

    Raises:
        BootControlError: it is no environment block, or one that GRUB would not write to.
    """
    if not data.startswith(_SIGNATURE) or not data.rstrip(b"#").endswith(b"\n"):
        raise BootControlError(
            f"expected a GRUB environment block, padded with '#', got {data[:24]!r}...{data[-4:]!r}"
        )
    return {
        _string(line["name"]): _string(_ESCAPED.sub(r"\1", line["value"]))
        for line in _lines(data.decode("latin-1"))
        if line["name"] is not None
    }


def changed(data: bytes, values: Mapping[str, str]) -> bytes:
    """Change values as GRUB's ``save_env`` does: where the name first stands, else behind all there is.

    What cannot be read stays, and may swallow what is written behind it.

    Raises:
        BootControlError: it is no environment block, or the values do not fit.
    """
    unpack(data)
    text = data.decode("latin-1").rstrip("#")
    for name, value in values.items():
        found = next((line for line in _lines(text) if line["name"] == name), None)
        if found:
            text = text[: found.start("value")] + value + text[found.end("value") :]
        else:
            text += f"{name}={value}\n"
    if len(text) > len(data):
        raise BootControlError(
            f"GRUB environment block: expected at most {len(data)} bytes, got {len(text)}"
        )
    return text.encode("latin-1").ljust(len(data), b"#")


def _lines(text: str) -> Iterator[re.Match[str]]:
    at = len(_SIGNATURE)
    while line := _LINE.match(text, at):
        at = line.end()
        yield line


def _string(text: str) -> str:
    # a string of C ends at its first zero byte
    return text.partition("\0")[0]
