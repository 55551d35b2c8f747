"""TPM 2.0 commands and answers as bytes, read strictly (TCG TPM 2.0 Library, parts 2 and 3).

A TPM sits on a bus that can be tapped, so an answer is foreign bytes like any other (A29).
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import Final

from ota_client.errors import CounterError

_NO_SESSIONS: Final = 0x8001
_SESSIONS: Final = 0x8002
_TPM_1_2_ANSWER: Final = 0x00C4  # what a TPM 2.0 says to a tag that it does not know (part 3, 5.2)
_PASSWORD: Final = 0x40000009
_HEADER: Final = Struct(">HII")
_AUTHORISATION: Final = Struct(">IHBH")
_SHA256: Final = 0x000B
# a password session's part of an answer: no nonce, continueSession, no HMAC (part 1, 19.4)
_SESSION_ENDINGS: Final = (bytes.fromhex("0000010000"), bytes.fromhex("0000000000"))
_PUBLIC: Final = Struct(">IHI")


class Code(IntEnum):
    """The commands that are spoken (part 2, 6.5.2)."""

    NV_UNDEFINE_SPACE = 0x122
    NV_DEFINE_SPACE = 0x12A
    NV_INCREMENT = 0x134
    NV_WRITE = 0x137
    NV_WRITE_LOCK = 0x138
    NV_READ = 0x14E
    NV_READ_PUBLIC = 0x169
    GET_CAPABILITY = 0x17A


class Attribute(IntFlag):
    """TPMA_NV, what is used of it (part 2, 13.4)."""

    AUTH_WRITE = 1 << 2
    COUNTER = 1 << 4
    WRITE_LOCKED = 1 << 11
    WRITE_DEFINE = 1 << 13
    AUTH_READ = 1 << 18
    NO_DICTIONARY_ATTACK = 1 << 25
    ORDERLY = 1 << 26
    CLEARED_AT_START = 1 << 27
    WRITTEN = 1 << 29


TYPE_BITS: Final = 0xF << 4


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a response code (0 is success) and the parameters behind it."""

    code: int
    parameters: bytes


@dataclass(frozen=True, slots=True)
class NvPublic:
    """What anybody may know of an NV index."""

    attributes: int
    size_bytes: int

    def has(self, flags: Attribute) -> bool:
        """Whether all of these attributes are set."""
        return self.attributes & flags == flags


def command(code: Code, handles: tuple[int, ...], parameters: bytes, auth: bytes | None) -> bytes:
    """Write a command.

    Args:
        code: the command.
        handles: what it acts on; the first is the one to be authorised.
        parameters: as the command wants them.
        auth: the password for the first handle; None for commands that need none.
    """
    area = b"".join(handle.to_bytes(4, "big") for handle in handles)
    if auth is not None:
        session = _AUTHORISATION.pack(_PASSWORD, 0, 0, len(auth)) + auth
        area += len(session).to_bytes(4, "big") + session
    body = area + parameters
    tag = _NO_SESSIONS if auth is None else _SESSIONS
    return _HEADER.pack(tag, _HEADER.size + len(body), code) + body


def parse_answer(data: bytes, *, authorised: bool) -> Answer:
    """Read an answer.

    Args:
        data: all of it.
        authorised: whether the command carried a password.

    Raises:
        CounterError: it is not an answer to such a command.
    """
    if len(data) < _HEADER.size:
        raise malformed(f"{_HEADER.size} bytes or more", f"{len(data)}")
    tag, size, code = _HEADER.unpack_from(data)
    if size != len(data):
        raise malformed(f"{size} bytes", f"{len(data)}")
    if code != 0:
        if tag not in {_NO_SESSIONS, _TPM_1_2_ANSWER} or size != _HEADER.size:
            raise malformed("an error of 10 bytes", f"{size} with tag {tag:#x}")
        return Answer(code, b"")
    if tag != (_SESSIONS if authorised else _NO_SESSIONS):
        raise malformed("a tag that fits the command", f"{tag:#x}")
    body = data[_HEADER.size :]
    return Answer(0, _without_session(body) if authorised else body)


def _without_session(body: bytes) -> bytes:
    length = int.from_bytes(body[:4], "big")
    if len(body) < 4 + length or body[4 + length :] not in _SESSION_ENDINGS:
        raise malformed("parameters and an empty password session", f"{len(body)} bytes")
    return body[4 : 4 + length]


def sized(data: bytes) -> bytes:
    """Write bytes with their length before them (TPM2B)."""
    return len(data).to_bytes(2, "big") + data


def parse_sized(data: bytes) -> tuple[bytes, bytes]:
    """Read bytes with their length before them; also returns what follows."""
    end = 2 + int.from_bytes(data[:2], "big")
    if len(data) < end:
        raise malformed(f"{end} bytes or more", f"{len(data)}")
    return data[2:end], data[end:]


def parse_value(data: bytes, size_bytes: int) -> bytes:
    """Read the answer to NV_Read, which holds that many bytes."""
    value, rest = parse_sized(data)
    if rest or len(value) != size_bytes:
        raise malformed(f"{size_bytes} bytes of an NV index", f"{len(value)}, {len(rest)} behind them")
    return value


def public_area(nv_index: int, attributes: Attribute, size_bytes: int) -> bytes:
    """Write the public area of a new NV index, without a policy (part 2, 13.6)."""
    area = _PUBLIC.pack(nv_index, _SHA256, attributes)
    return sized(area + sized(b"") + size_bytes.to_bytes(2, "big"))


def parse_public(data: bytes, nv_index: int) -> NvPublic:
    """Read the answer to NV_ReadPublic for ``nv_index``."""
    area, rest = parse_sized(data)
    _, rest = parse_sized(rest)  # the name, a digest of the area
    if rest or len(area) < _PUBLIC.size:
        raise malformed("the public area of an NV index", f"{len(data)} bytes")
    found, _, attributes = _PUBLIC.unpack_from(area)
    _, size = parse_sized(area[_PUBLIC.size :])
    if found != nv_index or len(size) != 2:  # noqa: PLR2004 the width of dataSize
        raise malformed(f"the public area of {nv_index:#x}", f"that of {found:#x}")
    return NvPublic(attributes, int.from_bytes(size, "big"))


def malformed(expected: str, got: str) -> CounterError:
    """The error for an answer that makes no sense."""
    return CounterError(
        f"TPM: expected an answer of {expected}, got {got}; the TPM or its bus is faulty"
    )
