"""Tiny EFI programs for x86-64, made byte by byte: one takes the kernel's place, one sets variables."""

import struct
import uuid
from collections.abc import Mapping

LOADED_IMAGE = "5b1b31a1-9562-11d2-8e3f-00a0c969723b"
_HEADERS, _TEXT = 0x200, 0x1000


class Program:
    """Machine code in Microsoft's calling convention: rcx is the image, rdx the system table."""

    def __init__(self) -> None:
        # sub rsp, 0x38; mov rbx, rdx; mov rsi, rcx
        self._code = bytearray.fromhex("4883ec38 4889d3 4889ce")
        self._constants: list[tuple[int, bytes]] = []

    def print(self, text: str) -> None:
        self._load_address("488d15", f"{text}\0".encode("utf-16-le"))  # rdx
        self._code += bytes.fromhex("488b4b40 ff5108")  # ConOut->OutputString

    def print_options(self) -> None:
        """Write the options that the image was started with to the console."""
        self._load_address("488d15", uuid.UUID(LOADED_IMAGE).bytes_le)  # rdx
        self._code += bytes.fromhex(
            "4889f1 4c8d442428"  # mov rcx, rsi; lea r8, [rsp+0x28]
            "488b4360 ff9098000000"  # BootServices->HandleProtocol
            "488b442428 488b5038"  # rdx = LoadedImage->LoadOptions
            "488b4b40 ff5108"  # ConOut->OutputString
        )

    def set_variable(self, name: str, vendor: str, attributes: int, data: bytes) -> None:
        self._load_address("488d0d", f"{name}\0".encode("utf-16-le"))  # rcx
        self._load_address("488d15", uuid.UUID(vendor).bytes_le)  # rdx
        self._code += b"\x41\xb8" + struct.pack("<I", attributes)  # r8d
        self._code += b"\x41\xb9" + struct.pack("<I", len(data))  # r9d
        self._load_address("488d05", data)  # rax
        # mov [rsp+0x20], rax; RuntimeServices->SetVariable
        self._code += bytes.fromhex("4889442420 488b4358 ff5058")

    def restart(self) -> None:
        # RuntimeServices->ResetSystem(EfiResetCold, 0, 0, 0)
        self._code += bytes.fromhex("488b4358 31c9 31d2 4531c0 4531c9 ff5068")

    def to_bytes(self) -> bytes:
        """The program as a PE image of one section."""
        text = bytearray(self._code)
        for at, constant in self._constants:
            text += bytes(-len(text) % 8)
            struct.pack_into("<i", text, at, len(text) - at - 4)
            text += constant
        raw = text.ljust(-(-len(text) // 0x200) * 0x200, b"\0")
        return _headers(len(raw)) + bytes(raw)

    def _load_address(self, opcode: str, constant: bytes) -> None:
        self._code += bytes.fromhex(opcode)
        self._constants.append((len(self._code), constant))
        self._code += bytes(4)


def kernel() -> bytes:
    """What stands for a kernel: it says what it was told, and restarts."""
    program = Program()
    program.print("<told>")
    program.print_options()
    program.print("</told>")
    program.restart()
    return program.to_bytes()


def setup(files: Mapping[str, bytes]) -> bytes:
    """Sets the variables that a folder of efivarfs holds, then restarts."""
    program = Program()
    for name, data in files.items():
        program.set_variable(name[:-37], name[-36:], int.from_bytes(data[:4], "little"), data[4:])
    program.restart()
    return program.to_bytes()


def _headers(text_bytes: int) -> bytes:
    size = _TEXT + -(-text_bytes // 0x1000) * 0x1000
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 1, 0, 0, 0, 240, 0x22)
    optional = struct.pack("<HBBIIIII", 0x20B, 0, 0, text_bytes, 0, 0, _TEXT, _TEXT)
    optional += struct.pack("<QIIHHHHHHI", 0, 0x1000, 0x200, 0, 0, 0, 0, 0, 0, 0)
    # subsystem 10: an EFI application
    optional += struct.pack("<IIIHHQQQQII", size, _HEADERS, 0, 10, 0, 0, 0, 0, 0, 0, 16)
    section = struct.pack(
        "<8sIIIIIIHHI", b".text", text_bytes, _TEXT, text_bytes, _HEADERS, 0, 0, 0, 0, 0xE0000020
    )
    return (dos + coff + optional.ljust(240, b"\0") + section).ljust(_HEADERS, b"\0")
